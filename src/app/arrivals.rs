//! When a number of ours last heard of its carrier: what tells that the webhook is set up. It is kept in memory; what a restart
//! forgot, the newest message tells.

use super::App;
use crate::model::account::Actor;
use crate::model::address::Address;
use crate::model::audit::SignatureVerdict;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A webhook that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Timestamp,
    /// Whether its signature was checked.
    pub checked: bool,
}

type Number = (OrganizationId, Provider, Address);

/// The last of each number.
#[derive(Default)]
pub struct Arrivals(Mutex<HashMap<Number, Heard>>);

impl Arrivals {
    fn heard(&self) -> MutexGuard<'_, HashMap<Number, Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A carrier told something about a number. Where nothing is checked anybody may name any number, so only ours are noted; and
/// what is kept in spite of its signature may be of anybody.
pub fn note(
    app: &App,
    (organization, provider): (OrganizationId, Provider),
    our_number: &str,
    signature: SignatureVerdict,
    at: Timestamp,
) {
    let checked = match signature {
        SignatureVerdict::Valid => true,
        SignatureVerdict::NotChecked => false,
        SignatureVerdict::InvalidButKept => return,
    };
    let Ok(number) = Address::parse(our_number) else { return };
    if app.store.directory().view().has_number(organization, &number) {
        let heard = Heard { at, checked };
        app.arrivals.heard().insert((organization, provider, number), heard);
    }
}

/// When a number last heard of a carrier. `None`: not since the server started.
pub fn last_heard(app: &App, actor: &Actor, provider: Provider, number: &Address) -> Option<Heard> {
    app.arrivals.heard().get(&(actor.organization, provider, number.clone())).copied()
}
