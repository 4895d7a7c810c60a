//! Users, API keys and carrier accounts of a seed.

use super::{Fields, Seed};
use crate::model::account::{API_KEY_RULE, Role, is_api_key, is_email, password_fits};
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::UserId;
use crate::model::message_log::Provider;
use crate::model::transfer::{CarrierAccountLine, Line, did_you_mean};
use std::collections::{HashMap, HashSet};
use std::fmt;

#[derive(Clone)]
pub struct SeedUser {
    pub line: u32,
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role: Role,
    /// As it is typed in.
    pub password: Option<String>,
    pub is_active: bool,
}

#[derive(Clone)]
pub struct SeedKey {
    pub line: u32,
    pub name: String,
    /// None: as much as its owner may.
    pub role: Option<Role>,
    /// None: the first admin of the seed, else of the organization.
    pub user: Option<UserId>,
    /// None: one is made up.
    pub secret: Option<String>,
}

/// Secrets are nobody's to read in a log.
impl fmt::Debug for SeedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeedUser").field("email", &self.email).finish_non_exhaustive()
    }
}

impl fmt::Debug for SeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeedKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who is who, by the email in small letters.
pub(super) struct Users(HashMap<String, UserId>);

impl Users {
    pub(super) fn read(root: &mut Fields<'_>, seed: &mut Seed) -> Users {
        let mut known = HashMap::new();
        for (mut fields, id) in root.tables("users").into_iter().zip(1..) {
            let email = fields.must("email", |it| it.text("email")).unwrap_or_default().trim();
            if !email.is_empty() && !is_email(email) {
                fields.complain("email", "it is no email address");
            }
            if !email.is_empty() && known.insert(email.to_ascii_lowercase(), UserId(id)).is_some() {
                fields.complain("email", format!("there is a user {email:?} already in this seed"));
            }
            let password = fields.owned("password");
            if let Some(Err(what)) = password.as_deref().map(password_fits) {
                fields.complain("password", what);
            }
            seed.users.push(SeedUser {
                line: fields.line,
                email: email.to_owned(),
                first_name: fields.owned("first_name"),
                last_name: fields.owned("last_name"),
                role: fields.kind("role", Role::ALL, Role::as_str).unwrap_or(Role::User),
                password,
                is_active: fields.flag("is_active").unwrap_or(true),
            });
            fields.end();
        }
        Users(known)
    }

    fn named(&self, email: &str) -> Result<UserId, String> {
        let email = email.trim().to_ascii_lowercase();
        self.0.get(&email).copied().ok_or_else(|| {
            let near = did_you_mean(&email, self.0.keys().map(String::as_str));
            format!("there is no user {email:?} in this seed{near}")
        })
    }
}

pub(super) fn read_keys(root: &mut Fields<'_>, seed: &mut Seed, users: &Users) {
    let first_admin = seed.users.iter().position(|user| user.role == Role::Admin && user.is_active);
    let first_admin = first_admin.map(|at| UserId(at as u64 + 1));
    let (mut names, mut secrets) = (HashSet::new(), HashSet::new());
    for mut fields in root.tables("api_keys") {
        let name = fields.must("name", |it| it.text("name")).unwrap_or_default().trim();
        let user = fields.parsed("user", |email| users.named(email)).or(first_admin);
        if !name.is_empty() && !names.insert((user, name)) {
            fields.complain("name", format!("this user has a key {name:?} already in this seed"));
        }
        let secret = fields.owned("secret");
        if secret.as_deref().is_some_and(|secret| !is_api_key(secret)) {
            fields.complain("secret", API_KEY_RULE);
        }
        if secret.as_ref().is_some_and(|secret| !secrets.insert(secret.clone())) {
            fields.complain("secret", "another key of this seed has it");
        }
        let role = fields.kind("role", Role::ALL, Role::as_str);
        seed.api_keys.push(SeedKey { line: fields.line, name: name.to_owned(), role, user, secret });
        fields.end();
    }
}

pub(super) fn read_carriers(root: &mut Fields<'_>, seed: &mut Seed) {
    let mut known = HashSet::new();
    for mut fields in root.tables("carriers") {
        let provider = fields.must("provider", |it| it.kind("provider", Provider::REAL, Provider::as_str));
        let account = CarrierAccount {
            account_id: fields.owned("account_id"),
            secret: fields.owned("secret"),
            verifying: fields.texts("verifying").unwrap_or_default(),
            signature_method: fields.owned("signature_method"),
            updated_at: seed.now,
        };
        let line = fields.line;
        if let Some(provider) = provider {
            if !known.insert(provider) {
                fields.complain("provider", format!("there is an account at {} already", provider.as_str()));
            }
            if let Err((field, what)) = account.check(provider) {
                fields.complain(field, what);
            }
            seed.add(line, Line::CarrierAccount(CarrierAccountLine::of(provider, &account)));
        }
        fields.end();
    }
}
