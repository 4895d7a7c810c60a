//! Which account at a carrier counts for an organization: its own before the server's.

use super::App;
use crate::carriers::Carrier;
use crate::carriers::sandbox::Sandbox;
use crate::carriers::telnyx::{Telnyx, TelnyxAccount};
use crate::carriers::twilio::{Twilio, TwilioAccount};
use crate::carriers::vonage::{Vonage, VonageAccount};
use crate::model::account::Actor;
use crate::model::carrier_account::CarrierAccount;
use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::store::{PutCarrierAccount, StoreError};
use std::num::NonZeroU32;
use std::sync::Arc;

/// The server's own accounts, and what is true of a carrier whoever's the account is.
pub struct Carriers {
    pub accounts: Accounts,
    shared: [Arc<dyn Carrier>; 4],
    /// Of each but the sandbox.
    pub rates: [(Provider, Rates); 3],
    /// Where carriers reach us, without a trailing slash.
    pub public_url: Option<String>,
}

/// How many messages in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub carrier: NonZeroU32,
    pub number: NonZeroU32,
}

/// The server's account at each carrier.
#[derive(Clone, Default)]
pub struct Accounts {
    pub twilio: TwilioAccount,
    pub telnyx: TelnyxAccount,
    pub vonage: VonageAccount,
}

impl Carriers {
    pub fn new(accounts: Accounts, rates: [(Provider, Rates); 3], public_url: Option<String>) -> Carriers {
        let Accounts { twilio, telnyx, vonage } = accounts.clone();
        let shared: [Arc<dyn Carrier>; 4] = [
            Arc::new(Twilio::new(twilio)),
            Arc::new(Telnyx::new(telnyx)),
            Arc::new(Vonage::new(vonage)),
            Arc::new(Sandbox),
        ];
        Carriers { accounts, shared, rates, public_url }
    }

    pub fn shared(&self, provider: Provider) -> Arc<dyn Carrier> {
        let known = self.shared.iter().find(|carrier| carrier.provider() == provider);
        known.expect("every provider has a carrier").clone()
    }

    /// The carrier with an account of somebody's own.
    pub fn own(&self, provider: Provider, own: &CarrierAccount) -> Arc<dyn Carrier> {
        match provider {
            Provider::Twilio => Arc::new(Twilio::new(TwilioAccount {
                // Without a secret to send with nothing can be sent.
                account_sid: own.account_id.clone().filter(|_| own.secret.is_some()),
                auth_tokens: own.secret.iter().chain(&own.verifying).cloned().collect(),
                shared_keys: Vec::new(),
                base_url: self.accounts.twilio.base_url.clone(),
            })),
            Provider::Telnyx => Arc::new(Telnyx::new(TelnyxAccount {
                api_key: own.secret.clone(),
                public_keys: own.verifying.clone(),
                base_url: self.accounts.telnyx.base_url.clone(),
            })),
            Provider::Vonage => Arc::new(Vonage::new(VonageAccount {
                api_key: own.account_id.clone(),
                api_secret: own.secret.clone(),
                signature_secrets: own.verifying.clone(),
                signature_method: own
                    .signature_method
                    .as_deref()
                    .and_then(|word| word.parse().ok())
                    .unwrap_or(self.accounts.vonage.signature_method),
                ..self.accounts.vonage.clone()
            })),
            Provider::Sandbox => Arc::new(Sandbox),
        }
    }
}

/// The carrier as the organization uses it.
pub fn carrier_of(app: &App, organization: OrganizationId, provider: Provider) -> Arc<dyn Carrier> {
    let directory = app.store.directory().view();
    match directory.carrier_account(organization, provider) {
        Some(own) => app.carriers.own(provider, own),
        None => app.carriers.shared(provider),
    }
}

/// The organizations that have an account of their own by this id at the carrier; without an id all that have one.
pub fn owners(app: &App, provider: Provider, account_id: Option<&str>) -> Vec<OrganizationId> {
    let directory = app.store.directory().view();
    let is_named = |own: &CarrierAccount| account_id.is_none() || own.account_id.as_deref() == account_id;
    // In a world nobody else is asked for.
    if let Some(only) = app.only() {
        let own = directory.carrier_account(only, provider).filter(|own| is_named(own));
        return own.map(|_| only).into_iter().collect();
    }
    let named = directory.carrier_accounts(provider).filter(|(_, own)| is_named(own));
    named.map(|(organization, _)| organization).collect()
}

/// The carrier that a new number is of when nobody says which: the one that can send, the sandbox when none can. `None`:
/// several can.
pub fn usual(app: &App, organization: OrganizationId) -> Option<Provider> {
    let can_send = |provider: &Provider| carrier_of(app, organization, *provider).missing_to_send().is_none();
    let mut able = Provider::REAL.into_iter().filter(can_send);
    match (able.next(), able.next()) {
        (None, _) => Some(Provider::Sandbox),
        (one, None) => one,
        _ => None,
    }
}

/// The setting that is missing before webhooks can be verified. The organization's own secrets do, and the server's.
pub fn missing_to_verify(
    app: &App,
    organization: OrganizationId,
    provider: Provider,
) -> Option<&'static str> {
    let Accounts { twilio, telnyx, vonage } = &app.carriers.accounts;
    let (servers, setting) = match provider {
        Provider::Twilio => (twilio.auth_tokens.len() + twilio.shared_keys.len(), "twilio.auth_token"),
        Provider::Telnyx => (telnyx.public_keys.len(), "telnyx.public_key"),
        Provider::Vonage => (vonage.signature_secrets.len(), "vonage.signature_secret"),
        Provider::Sandbox => return None,
    };
    let directory = app.store.directory().view();
    let by_own = directory.carrier_account(organization, provider).is_some_and(|own| {
        // Twilio signs with what is sent with.
        !own.verifying.is_empty() || (provider == Provider::Twilio && own.secret.is_some())
    });
    (servers == 0 && !by_own).then_some(setting)
}

/// Sets or takes away the organization's own account. False: there was none to take away.
pub async fn put(
    app: &App,
    actor: &Actor,
    provider: Provider,
    account: Option<CarrierAccount>,
) -> Result<bool, StoreError> {
    let command = PutCarrierAccount { organization: actor.organization, provider, account, now: actor.now };
    let done = app.store.execute(command).await?;
    tracing::info!(organization = %actor.organization, carrier = provider.as_str(), "carrier account changed");
    Ok(done)
}
