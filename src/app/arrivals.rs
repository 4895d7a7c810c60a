//! When a number of ours last heard of its carrier: what tells that the webhook is set up. It is kept in memory; what a restart
//! forgot, the newest message tells.

use super::App;
use super::sms_logs::QUICK;
use crate::model::account::Actor;
use crate::model::address::{Address, AddressQuery};
use crate::model::audit::SignatureVerdict;
use crate::model::call::Direction;
use crate::model::ids::OrganizationId;
use crate::model::message_log::{LogFilter, Provider};
use crate::model::time::Timestamp;
use crate::store::ReadError;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A webhook that was believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Timestamp,
    /// Whether its signature was checked. `None`: only the message is left to tell of it.
    pub checked: Option<bool>,
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
        let heard = Heard { at, checked: Some(checked) };
        app.arrivals.heard().insert((organization, provider, number), heard);
    }
}

/// When a number last heard of a carrier. `None`: it did not, or so long ago that it is not among the newest messages.
pub fn last_heard(
    app: &App,
    actor: &Actor,
    provider: Provider,
    number: &Address,
) -> Result<Option<Heard>, ReadError> {
    let organization = actor.organization;
    if let Some(heard) = app.arrivals.heard().get(&(organization, provider, number.clone())) {
        return Ok(Some(*heard));
    }
    let filter = LogFilter {
        provider: Some(provider),
        direction: Some(Direction::Inbound),
        to: Some(AddressQuery::Exactly(number.clone())),
        ..LogFilter::default()
    };
    let newest = app.store.snapshot()?.newest_logs(organization, &filter, 1, QUICK as usize)?;
    Ok(newest.first().map(|(_, at)| Heard { at: *at, checked: None }))
}
