//! What the first start is told to use instead of making it up. It refuses keys that could be guessed.

use super::Environment;
use super::settings::Secret;
use super::sources::Found;
use std::path::Path;

/// From `SMSLITE_BOOTSTRAP_API_KEY`, `SMSLITE_ADMIN_EMAIL`, `SMSLITE_ADMIN_PASSWORD` or their `_FILE` twins.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    pub api_key: Option<Secret>,
    pub admin_email: Option<String>,
    pub admin_password: Option<Secret>,
}

impl Bootstrap {
    pub(super) fn read(found: &mut Found, env: &Environment, dir: &Path) -> Bootstrap {
        let mut said = |name: &str| found.variable(env, dir, name, true);
        let api_key = said("SMSLITE_BOOTSTRAP_API_KEY");
        let admin_email = said("SMSLITE_ADMIN_EMAIL").map(|(text, _)| text);
        let admin_password = said("SMSLITE_ADMIN_PASSWORD").map(|(text, _)| Secret::new(text));
        if let Some((_, name)) = api_key.as_ref().filter(|(text, _)| !is_api_key(text)) {
            let must = "must be sl_live_ and then 32 to 128 of A-Z, a-z, 0-9, - and _";
            found.error(format!("env {name}: {must}"));
        }
        let api_key = api_key.map(|(text, _)| Secret::new(text));
        Bootstrap { api_key, admin_email, admin_password }
    }
}

fn is_api_key(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let rest = text.strip_prefix("sl_live_").unwrap_or_default();
    (32..=128).contains(&rest.len()) && rest.bytes().all(good)
}
