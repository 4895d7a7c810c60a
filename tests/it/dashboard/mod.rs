//! The dashboard's pages, read and pressed as a browser without scripts does. What scripts add is tried in a real
//! browser, by `tests/browser`.

mod api_keys;
mod assistants;
mod configuration;
mod conversation;
mod inbox;
mod message;
mod message_logs;
mod opt_outs;
mod pages;
mod parked_events;
mod phone;
mod refused_webhooks;
mod sessions;
mod signing_in;
mod users;

use crate::util::TestApp;
use crate::util::carrier::{FORM, form};
use crate::util::client::{Answer, Person};
use serde_json::json;

pub const PASSWORD: &str = "correct horse battery";

/// Sends a form.
pub async fn press(who: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
    who.ask("POST", path, &[FORM], form(fields)).await
}

/// Where a form led to.
#[track_caller]
pub fn place(answer: Answer) -> String {
    answer.expect(303).header("location").expect("a place to go to").to_owned()
}

/// A person with a browser: they have a dashboard session, and their forms come from the server's own pages.
pub struct Browser {
    who: Person,
    pub cookie: String,
}

impl Browser {
    /// Makes the user, and signs them in at the page.
    pub async fn of(app: &TestApp, email: &str, role: &str) -> Browser {
        let user = json!({"email": email, "role": role, "password": PASSWORD});
        app.admin().post("/api/v1/users", &user.to_string()).await.expect(201);
        let mut browser = Browser { who: app.anonymous(), cookie: String::new() };
        let answer = browser.press("/sign-in", &[("email", email), ("password", PASSWORD)]).await.expect(303);
        let set = answer.header("set-cookie").expect("a session begins");
        browser.cookie = set.split(';').next().unwrap().to_owned();
        browser
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let all = [headers, &[("cookie", self.cookie.as_str())]].concat();
        self.who.ask("GET", path, &all, "").await
    }

    pub async fn press(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let own = format!("http://{}", self.who.address);
        self.press_at(&own, path, fields).await
    }

    /// Sends a form from a page of this site.
    pub async fn press_at(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [FORM, ("origin", origin), ("cookie", self.cookie.as_str())];
        self.who.ask("POST", path, &headers, form(fields)).await
    }
}

/// The ids of a table's rows that begin so, in their order.
pub fn rows(page: &str, start: &str) -> Vec<String> {
    let ids = page.split(&format!("<tr id=\"{start}-")).skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}
