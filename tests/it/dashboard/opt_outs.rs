//! `/opt-outs`: listed by number, added, and taken away with a question.

use super::{Browser, place, rows};
use crate::util::{CARLA, CARLOS, OUR_NUMBER, TestApp};

#[tokio::test]
async fn who_wrote_stop_is_listed_and_a_number_narrows_the_list() {
    let app = TestApp::start().await;
    assert!(app.viewer().get("/opt-outs").await.expect(200).text().contains("Nobody has opted out"));
    app.twilio().delivers("SM1", CARLA, "Stop").await;
    for (query, expected) in [
        ("", vec!["15551234567-15559876543"]),
        ("?phone_number=%2B15551234567", vec!["15551234567-15559876543"]),
        ("?phone_number=%2B15550000000", vec![]),
        ("?phone_number=", vec!["15551234567-15559876543"]),
    ] {
        let page = app.viewer().get(&format!("/opt-outs{query}")).await.expect(200).text();
        assert_eq!(rows(&page, "o"), expected, "{query}\n{page}");
        assert_eq!(page.contains("Nothing matches"), expected.is_empty(), "{query}\n{page}");
    }
    let page = app.viewer().get("/opt-outs?phone_number=x!").await.expect(422).text();
    assert!(page.contains("role=\"alert\"") && page.contains("no phone number"), "{page}");
}

#[tokio::test]
async fn one_is_added_and_taken_away_again_after_a_question() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    let numbers = [("phone_number", OUR_NUMBER), ("customer_phone_number", "+1 (555) 987-6543")];
    assert_eq!(place(ann.press("/opt-outs", &numbers).await), "/opt-outs?said=opted-out");
    let page = ann.get("/opt-outs?said=opted-out").await.expect(200).text();
    assert!(page.contains("gets no more messages from this number"), "{page}");
    assert_eq!(rows(&page, "o"), ["15551234567-15559876543"]);
    let question = "/opt-outs/remove?phone_number=%2B15551234567&customer_phone_number=%2B15559876543";
    let asked = ann.get(question).await.expect(200).text();
    assert!(asked.contains(&format!("Send messages to {CARLA} again?")), "{asked}");
    assert_eq!(rows(&ann.get("/opt-outs").await.text(), "o").len(), 1, "asking changes nothing");
    assert_eq!(place(ann.press("/opt-outs/remove", &numbers).await), "/opt-outs?said=opted-in");
    assert!(rows(&ann.get("/opt-outs").await.text(), "o").is_empty());
    ann.press("/opt-outs/remove", &numbers).await.expect(404);
}

#[tokio::test]
async fn what_is_no_number_comes_back_as_it_was_typed() {
    let app = TestApp::start().await;
    let ann = Browser::of(&app, "ann@example.com", "user").await;
    for (ours, customer, says) in [
        (OUR_NUMBER, "12", "customer phone number: Input should be a phone number"),
        (OUR_NUMBER, "CARLOS", "not a name"),
        ("no number!", CARLOS, "phone number: Input should be a phone number"),
    ] {
        let fields = [("phone_number", ours), ("customer_phone_number", customer)];
        let page = ann.press("/opt-outs", &fields).await.expect(422).text();
        assert!(page.contains("role=\"alert\"") && page.contains(says), "{customer}: {page}");
        for typed in [ours, customer] {
            assert!(page.contains(&format!("value=\"{typed}\"")), "{typed}: {page}");
        }
        assert!(rows(&page, "o").is_empty());
    }
}
