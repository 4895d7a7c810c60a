//! Organizations, users and API keys. Of secrets only hashes are kept.

use super::ids::{OrganizationId, UserId};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Every API key starts so; a person who finds one in a log knows what it is.
pub const API_KEY_PREFIX: &str = "sl_live_";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May read only.
    Viewer,
    User,
    Admin,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Short name for commands: lower-case letters, digits, hyphens.
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PasswordHash {
    /// 256 random bits made by us; SHA-256 is enough for those.
    Generated(String),
    /// Chosen by a person: an Argon2id string in PHC format.
    Chosen(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub role: Role,
    pub password: Option<PasswordHash>,
    pub is_active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// SHA-256 of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    pub fn of(presented: &str) -> KeyHash {
        KeyHash(Sha256::digest(presented.as_bytes()).into())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub user_id: UserId,
    pub name: String,
    /// The first characters, so that people can tell their keys apart.
    pub key_prefix: String,
    pub hash: KeyHash,
    pub role: Role,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Who asks, for which organization, and when. Made once at the edge of a request or command;
/// without one nothing of an organization can be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    pub organization: OrganizationId,
    pub user_id: UserId,
    pub role: Role,
    pub now: Timestamp,
}

/// The role is too weak for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

impl Actor {
    pub fn require(&self, role: Role) -> Result<(), Forbidden> {
        if self.role >= role { Ok(()) } else { Err(Forbidden) }
    }
}
