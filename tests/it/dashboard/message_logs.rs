//! `/message-logs`: the API's filters as a form, what carriers said, and the chart.

use super::rows;
use crate::util::{CARLA, CARLOS, DAY, TestApp};

/// Carla wrote yesterday, Carlos today.
async fn app_with_two() -> TestApp {
    let app = TestApp::start().await;
    app.twilio().delivers("SM1", CARLA, "Can I reschedule?").await;
    app.advance(DAY);
    app.twilio().delivers("SM2", CARLOS, "Where is my order?").await;
    app
}

#[tokio::test]
async fn filters_leave_what_matches_and_stay_in_the_form() {
    let app = app_with_two().await;
    for (query, expected) in [
        ("", vec!["2", "1"]),
        ("?search=ORDER&direction=&provider=", vec!["2"]),
        ("?direction=inbound&provider=twilio&status=received", vec!["2", "1"]),
        ("?direction=outbound", vec![]),
        ("?from_number=543", vec!["1"]),
        ("?to_number=%2B15551234567&date_to=2026-04-30", vec!["1"]),
        ("?date_from=2026-05-01", vec!["2"]),
        ("?assistant_id=1", vec!["2", "1"]),
        ("?assistant_id=2", vec![]),
        ("?skip=1", vec!["1"]),
    ] {
        let page = app.viewer().get(&format!("/message-logs{query}")).await.expect(200).text();
        assert_eq!(rows(&page, "l"), expected, "{query}");
        assert_eq!(page.contains("Nothing matches"), expected.is_empty(), "{query}");
    }
    let query = "?search=order&status=received&from_number=544&date_from=2026-05-01";
    let page = app.viewer().get(&format!("/message-logs{query}")).await.expect(200).text();
    for kept in [
        "value=\"order\"",
        "value=\"received\" selected",
        "value=\"544\"",
        "value=\"2026-05-01\"",
        "<details open",
    ] {
        assert!(page.contains(kept), "{kept}\n{page}");
    }
}

#[tokio::test]
async fn a_filter_that_is_none_is_refused_with_what_was_typed() {
    let app = app_with_two().await;
    for (query, says) in [
        ("from_number=12", "from number: Input should be a phone number or at least three digits of one"),
        ("date_from=yesterday", "date from: Input should be an RFC 3339 time or a date"),
        ("status=lost", "status: Input should be"),
    ] {
        let page = app.viewer().get(&format!("/message-logs?{query}")).await.expect(422).text();
        let typed = query.split('=').nth(1).unwrap();
        assert!(page.contains("role=\"alert\"") && page.contains(says), "{query}\n{page}");
        assert!(typed == "lost" || page.contains(&format!("value=\"{typed}\"")), "{query}\n{page}");
        assert!(rows(&page, "l").is_empty());
    }
}

#[tokio::test]
async fn the_chart_counts_the_days_of_who_looks() {
    let app = app_with_two().await;
    let page = app.viewer().get("/message-logs").await.expect(200).text();
    assert!(
        page.contains("hx-get=\"/message-logs/by-day\"") && page.contains("href=\"/message-logs/by-day\""),
        "{page}"
    );
    let page = app.viewer().get("/message-logs/by-day").await.expect(200).text();
    let chart = |page: &str| page.split("<svg id=\"chart\"").nth(1).unwrap_or_default().to_owned();
    for shown in
        ["Thursday, 30 April: 1 message, 0 failed", "Friday, 1 May: 1 message, 0 failed", "twilio in"]
    {
        assert!(chart(&page).contains(shown), "{shown}\n{page}");
    }
    // It was not midnight yet where this one looks from, and still is the day before.
    let west =
        app.viewer().ask("GET", "/message-logs/by-day", &[("cookie", "zone=-660")], "").await.expect(200);
    assert!(chart(&west.text()).contains("Wednesday, 29 April: 1 message"), "{}", west.text());
    let empty = TestApp::start().await.viewer().get("/message-logs").await.expect(200).text();
    assert!(empty.contains("No messages yet") && !empty.contains("by-day"), "{empty}");
}

#[tokio::test]
async fn a_full_page_is_small_and_leads_on() {
    let app = TestApp::start().await;
    for number in 1..=30 {
        app.twilio().delivers(&format!("SM{number}"), CARLA, &"wide & open <b>".repeat(30)).await;
    }
    let page = app.viewer().get("/message-logs?direction=inbound").await.expect(200).text();
    assert!(page.len() < 40_000, "{} bytes", page.len());
    assert_eq!(rows(&page, "l").len(), 25);
    assert!(page.contains("rel=\"next\" href=\"/message-logs?direction=inbound&#38;skip=25\""), "{page}");
    let last = app.viewer().get("/message-logs?direction=inbound&skip=25").await.expect(200).text();
    assert_eq!(rows(&last, "l").len(), 5);
    assert!(last.contains("rel=\"prev\"") && !last.contains("by-day"), "{last}");
}
