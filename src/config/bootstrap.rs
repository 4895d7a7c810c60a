//! What the first start is told to use instead of making it up. It refuses keys that could be guessed.

use super::Environment;
use super::settings::Secret;
use super::sources::Found;
use crate::model::account::{API_KEY_RULE, is_api_key};
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
            found.error(format!("env {name}: {API_KEY_RULE}"));
        }
        let api_key = api_key.map(|(text, _)| Secret::new(text));
        Bootstrap { api_key, admin_email, admin_password }
    }
}
