//! The living sample that `--demo` serves: an assistant, its number, conversations in every state.

use crate::app::accounts;
use crate::app::import;
use crate::model::time::Timestamp;
use crate::web::AppState;

/// What a customer sends, for curl.
pub(super) const FORM: &str = "-d MessageSid=SM$(date +%s) -d AccountSid=ACdemo -d From=%2B15559876543 \
                               -d To=%2B15551234567 -d \"Body=Hello from curl\" -d NumMedia=0";

/// The records as `import` reads them; `{-90}` stands for 90 seconds ago.
const SAMPLE: &str = include_str!("demo.ndjson");

pub(super) fn fill(state: &AppState) -> anyhow::Result<()> {
    let now = state.app.clock.now();
    let text = at(SAMPLE, now);
    let app = &state.app;
    let actor = accounts::operator(&app.store, None, now).map_err(anyhow::Error::msg)?;
    let checked =
        import::check(&app.store, actor.organization, text.as_bytes(), now, app.session_ttl_seconds)?;
    import::run(&app.store, checked, text.as_bytes(), |_| {})?;
    Ok(())
}

/// Puts times in the place of seconds before `now`.
fn at(sample: &str, now: Timestamp) -> String {
    let mut text = String::new();
    let mut parts = sample.split("{-");
    text += parts.next().unwrap_or_default();
    for part in parts {
        let (seconds, rest) = part.split_once('}').unwrap_or(("0", part));
        let seconds = seconds.parse().unwrap_or_default();
        text += &now.minus_seconds(seconds).to_string();
        text += rest;
    }
    text
}
