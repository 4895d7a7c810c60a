//! The seed that `smslite serve` begins with: a file, or the demo's sample.

use super::{demo, out};
use crate::app::accounts;
use crate::app::seeds::{self, Applied, SeedError};
use crate::clock::Clock;
use crate::model::seed::{Base, Complaint, Seed, SeedErrors};
use crate::web::AppState;
use anyhow::{Context, anyhow};
use std::path::Path;

/// A seed that was found good, and for whom it is.
pub(super) struct Chosen {
    file: String,
    seed: Seed,
    organization: Option<String>,
}

impl Chosen {
    /// `None`: none is asked for.
    pub(super) fn read(
        file: Option<&Path>,
        demo: bool,
        organization: Option<String>,
        session_ttl_seconds: u64,
    ) -> anyhow::Result<Option<Chosen>> {
        let (file, text) = match file {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
                (name, text)
            }
            None if demo => (demo::NAME.to_owned(), seeds::DEMO.to_owned()),
            None => return Ok(None),
        };
        let base = Base { now: Clock::System.now(), clock: None, session_ttl_seconds, of_world: false };
        let seed = Seed::parse(&text, base).map_err(|errors| refused(&file, &errors))?;
        for Complaint { line, message } in &seed.passed_over {
            let why = "only a world of a fixture has that";
            out::tell(&format!("warning: {file}:{line}: {message} is passed over: {why}"));
        }
        Ok(Some(Chosen { file, seed, organization }))
    }

    pub(super) fn apply(&self, state: &AppState) -> anyhow::Result<Applied> {
        let (store, now) = (&state.app.store, state.app.clock.now());
        let actor =
            accounts::operator(store, self.organization.as_deref(), now).map_err(anyhow::Error::msg)?;
        match seeds::apply(store, actor.organization, &self.seed, &mut seeds::chance) {
            Err(SeedError::Refused(errors)) => Err(refused(&self.file, &errors)),
            applied => Ok(applied?),
        }
    }
}

/// Tells all that is wrong, one a line.
pub(super) fn refused(file: &str, errors: &SeedErrors) -> anyhow::Error {
    out::tell(&errors.in_file(file));
    anyhow!("{file} is no seed that can be used; nothing of it was stored")
}

/// The keys whose secrets were made up, to be shown this once.
pub(super) fn made_keys(applied: &Applied) -> String {
    let made = applied.keys.iter().filter(|key| key.made_up);
    let lines: String = made
        .filter_map(|key| Some(format!("  API key   {}  {}\n", key.secret.as_ref()?, key.name)))
        .collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\nOf the seed; these are shown once, only their hashes are kept:\n{lines}"),
    }
}
