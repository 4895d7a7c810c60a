//! Who answers on which number, by a seed: assistants, their numbers, and who wants no messages from these.

use super::node::entries_to_json;
use super::{Fields, NodeValue, Seed, times};
use crate::model::address::Address;
use crate::model::assistant::PhoneNumber;
use crate::model::auto_reply::AutoReply;
use crate::model::call::JsonText;
use crate::model::forward::receiver;
use crate::model::ids::{AssistantId, PhoneNumberId};
use crate::model::message_log::Provider;
use crate::model::opt_out::OptOut;
use crate::model::transfer::{AssistantLine, Line, OptOutLine, PhoneNumberLine, did_you_mean};
use crate::model::webhook_secret::{WebhookSecret, key_of};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// What is not a seed's to say of an assistant.
const OURS: [&str; 8] = [
    "id",
    "organization_id",
    "user_id",
    "created_at",
    "updated_at",
    "type",
    "is_deleted",
    "sms_webhook_secrets",
];

/// What conversations may name.
#[derive(Default)]
pub(super) struct Answering {
    assistants: HashMap<String, AssistantId>,
    numbers: HashMap<Address, (Provider, Option<AssistantId>)>,
    /// The first number of each assistant.
    first: HashMap<AssistantId, Address>,
}

impl Answering {
    pub(super) fn read(root: &mut Fields<'_>, seed: &mut Seed) -> Answering {
        let mut known = Answering::default();
        for (fields, id) in root.tables("assistants").into_iter().zip(1..) {
            known.read_assistant(fields, AssistantId(id), seed);
        }
        for (fields, id) in root.tables("numbers").into_iter().zip(1..) {
            known.read_number(fields, PhoneNumberId(id), seed);
        }
        known
    }

    fn read_assistant(&mut self, mut fields: Fields<'_>, id: AssistantId, seed: &mut Seed) {
        let name = fields.must("name", |it| it.text("name")).unwrap_or_default().trim();
        if name.chars().count() > 100 {
            fields.complain("name", "it has 1 to 100 characters");
        }
        if !name.is_empty() && self.assistants.insert(name.to_owned(), id).is_some() {
            fields.complain("name", format!("there is an assistant {name:?} already in this seed"));
        }
        // As the API has it, but that what cannot be null in TOML may be empty.
        let llm_provider = fields.owned("llm_provider").unwrap_or_else(|| "openai".to_owned());
        let secret = fields.parsed("sms_webhook_secret", |secret| match key_of(secret) {
            Some(_) => Ok(WebhookSecret { secret: secret.to_owned(), expires_at: None }),
            None => Err("a secret is whsec_ and base64 of 24 to 64 bytes"),
        });
        let sms_webhook_url = fields.parsed("sms_webhook_url", |url| match url {
            "" => Ok(String::new()),
            url => receiver(url).map(|_| url.to_owned()),
        });
        let line = AssistantLine {
            tag: IgnoredAny,
            id: Some(id),
            user_id: None,
            name: name.to_owned(),
            description: fields.owned("description"),
            llm_provider: Some(llm_provider).filter(|name| !name.is_empty()),
            webhook_url: fields.owned("webhook_url"),
            sms_webhook_url,
            messaging_service_sid: fields.owned("messaging_service_sid"),
            custom_settings: custom_settings(&mut fields),
            is_active: fields.flag("is_active"),
            is_deleted: None,
            created_at: Some(seed.now),
            updated_at: Some(seed.now),
            sms_webhook_secrets: secret.map(|secret| vec![secret]),
            extra: JsonText(Value::Object(entries_to_json(fields.rest())).to_string()),
        };
        for ours in fields.rest().filter(|entry| OURS.contains(&entry.name.as_str())) {
            fields.complain(&ours.name, "this is not for a seed to say");
        }
        seed.add(fields.line, Line::Assistant(line));
    }

    fn read_number(&mut self, mut fields: Fields<'_>, id: PhoneNumberId, seed: &mut Seed) {
        let number = fields.must("number", |it| it.parsed("number", Address::parse));
        let assistant_id = fields.parsed("assistant", |name| self.assistant(name));
        let stored = PhoneNumber {
            id,
            provider: provider(&mut fields).unwrap_or(Provider::Sandbox),
            assistant_id,
            friendly_name: fields.owned("friendly_name"),
            is_active: fields.flag("is_active").unwrap_or(true),
            created_at: seed.now,
            updated_at: seed.now,
        };
        let line = fields.line;
        if let Some(number) = number {
            if self.numbers.insert(number.clone(), (stored.provider, assistant_id)).is_some() {
                fields.complain("number", format!("there is a number {number} already in this seed"));
            }
            if let Some(id) = assistant_id {
                self.first.entry(id).or_insert_with(|| number.clone());
            }
            seed.add(line, Line::PhoneNumber(PhoneNumberLine::of(number, &stored)));
        }
        fields.end();
    }

    pub(super) fn read_opt_outs(&self, root: &mut Fields<'_>, seed: &mut Seed) {
        let mut known = HashSet::new();
        for mut fields in root.tables("opt_outs") {
            let number = fields.must("number", |it| it.parsed("number", |text| self.number(text)));
            let customer = fields.must("customer", |it| it.parsed("customer", Address::parse));
            let at = fields.parsed("at", |text| times::past(text, seed.now)).unwrap_or(seed.now);
            let how = fields.owned("how").unwrap_or_else(|| "STOP".to_owned());
            let line = fields.line;
            if let (Some(number), Some(customer)) = (number, customer) {
                if !known.insert((number.clone(), customer.clone())) {
                    fields.complain("customer", format!("{customer} has opted out of {number} already"));
                }
                let opt_out = OptOut { at, how };
                seed.add(line, Line::OptOut(OptOutLine::of(number, customer, &opt_out)));
            }
            fields.end();
        }
    }

    pub(super) fn assistant(&self, name: &str) -> Result<AssistantId, String> {
        self.assistants.get(name.trim()).copied().ok_or_else(|| {
            let near = did_you_mean(name, self.assistants.keys().map(String::as_str));
            format!("there is no assistant {name:?} in this seed{near}")
        })
    }

    pub(super) fn number(&self, text: &str) -> Result<Address, String> {
        let number = Address::parse(text).map_err(|error| error.to_string())?;
        if self.numbers.contains_key(&number) {
            return Ok(number);
        }
        let near = did_you_mean(number.as_str(), self.numbers.keys().map(Address::as_str));
        Err(format!("there is no number {number} in this seed{near}"))
    }

    /// The carrier of a number and the assistant that has it.
    pub(super) fn of_number(&self, number: &Address) -> (Provider, Option<AssistantId>) {
        self.numbers.get(number).copied().unwrap_or((Provider::Sandbox, None))
    }

    pub(super) fn first_number(&self, assistant: AssistantId) -> Option<&Address> {
        self.first.get(&assistant)
    }
}

fn provider(fields: &mut Fields<'_>) -> Option<Provider> {
    fields.kind("provider", Provider::ALL, Provider::as_str)
}

/// The settings, with the rules that may stand beside them.
fn custom_settings(fields: &mut Fields<'_>) -> Option<JsonText> {
    let settings = fields.node("custom_settings");
    let rules = fields.node("auto_reply");
    let mut object = match settings.map(|settings| (&settings.value, settings.to_json())) {
        None => Map::new(),
        Some((NodeValue::Table(_), Value::Object(object))) => object,
        Some(_) => {
            fields.complain("custom_settings", "expected a table");
            return None;
        }
    };
    let name = if rules.is_some() { "auto_reply" } else { "custom_settings" };
    if let Some(rules) = rules
        && object.insert("auto_reply".to_owned(), rules.to_json()).is_some()
    {
        fields.complain("auto_reply", "custom_settings has it, too");
    }
    let text = (settings.is_some() || rules.is_some()).then(|| JsonText(Value::Object(object).to_string()));
    if let Err(what) = AutoReply::of(text.as_ref()) {
        fields.complain(name, what);
    }
    text
}
