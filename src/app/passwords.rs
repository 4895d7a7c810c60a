//! Passwords: hashing those that people choose (Argon2id) and telling whether one is right. Both are slow
//! by design and take some 20 MB, so few run at a time, off the threads that serve.

use crate::model::account::{KeyHash, PasswordHash};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash as Parsed};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::OnceLock;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// The hash of a password that was made up: its 256 random bits need no slow one.
pub fn generated(password: &str) -> PasswordHash {
    PasswordHash::Generated(URL_SAFE_NO_PAD.encode(KeyHash::of(password).0))
}

/// Blocks for as long as it takes.
pub fn choose(password: &str) -> anyhow::Result<PasswordHash> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    Ok(PasswordHash::Chosen(hash.to_string()))
}

/// Hashes a password that a person chose.
pub async fn chosen(password: String) -> Result<anyhow::Result<PasswordHash>, JoinError> {
    let _place = AT_ONCE.acquire().await;
    tokio::task::spawn_blocking(move || choose(&password)).await
}

/// Whether this is the password. It takes as long when there is none, so that nobody learns by the time
/// it takes who has an account.
pub async fn is_right(password: String, stored: Option<PasswordHash>) -> Result<bool, JoinError> {
    let _place = AT_ONCE.acquire().await;
    tokio::task::spawn_blocking(move || verify(&password, stored.as_ref())).await
}

fn verify(password: &str, stored: Option<&PasswordHash>) -> bool {
    let chosen = match stored {
        Some(PasswordHash::Chosen(phc)) => phc.as_str(),
        _ => nobodys(),
    };
    let right = Parsed::new(chosen)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
    match stored {
        Some(PasswordHash::Chosen(_)) => right,
        Some(PasswordHash::Generated(hash)) => {
            let PasswordHash::Generated(given) = generated(password) else { return false };
            hash.as_bytes().ct_eq(given.as_bytes()).into()
        }
        None => false,
    }
}

/// The hash that stands in for those who have none.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| match choose("") {
        Ok(PasswordHash::Chosen(phc)) => phc,
        _ => String::new(),
    })
}
