//! Organizations, users and API keys. Of secrets only hashes are kept.

use super::ids::{ApiKeyId, OrganizationId, UserId};
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

/// A person who signed in. The secret is in their browser's cookie; a JWT names the hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardSession {
    pub user_id: UserId,
    pub hash: KeyHash,
    pub started_at: Timestamp,
    /// It ends when it was not used for so long.
    pub idle_seconds: u64,
    /// It ends then, however busy it was.
    pub ends_at: Timestamp,
}

impl DashboardSession {
    /// Where the row lies: 64 bits of the hash.
    pub fn number(&self) -> u64 {
        self.hash.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The end if it is not used again.
    pub fn expires_at(&self, last_used_at: Timestamp) -> Timestamp {
        self.ends_at.min(last_used_at.max(self.started_at).plus_seconds(self.idle_seconds))
    }
}

/// How often something was used, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub count: u64,
    pub last_used_at: Option<Timestamp>,
}

/// What is counted by its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Used {
    ApiKey(ApiKeyId),
    DashboardSession(u64),
    /// A user signs in.
    User(UserId),
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
