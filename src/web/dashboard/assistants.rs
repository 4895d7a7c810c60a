//! `/assistants`: who answers, at which numbers, and what to paste at the carriers so that they call.

use super::error::{PageError, refusal};
use super::page::{Editor, Fields, Shell, Visitor, go_to, show, show_refused};
use super::wiring::{Base, Wire, out_of_reach, wires};
use crate::app::{assistants, phone_numbers};
use crate::model::assistant::{Assistant, AssistantChange, PhoneNumber};
use crate::model::auto_reply::AutoReply;
use crate::model::ids::AssistantId;
use crate::model::message_log::Provider;
use crate::web::api::assistants::change_of;
use crate::web::error::ApiError;
use crate::web::extract::PathId;
use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

#[derive(Template)]
#[template(path = "assistants.html")]
pub(super) struct AssistantsPage<'a> {
    shell: &'a Shell,
    wires: Vec<Wire>,
    /// Why carriers cannot call us.
    unreachable: Option<&'static str>,
    cards: Vec<Card>,
    /// Numbers that no assistant has.
    unassigned: Vec<NumberRow>,
    pub(super) make: AssistantForm,
    providers: [Provider; 4],
}

/// One assistant, with the forms that change it.
pub(super) struct Card {
    pub(super) id: AssistantId,
    name: String,
    is_active: bool,
    url: String,
    replies: String,
    numbers: Vec<NumberRow>,
    pub(super) form: AssistantForm,
    pub(super) number: NumberForm,
}

struct NumberRow {
    number: String,
    name: String,
    provider: &'static str,
}

#[derive(Default)]
pub(super) struct AssistantForm {
    name: String,
    url: String,
    /// Empty, `echo`, or `rules` where it has some: those stay.
    auto_reply: String,
    has_rules: bool,
    refused: Option<String>,
}

#[derive(Default)]
pub(super) struct NumberForm {
    pub(super) number: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) refused: Option<String>,
}

pub async fn show_assistants(visitor: Visitor, Base(base): Base) -> Result<Response, PageError> {
    show(&page(&visitor, &base).await?)
}

pub(super) async fn page<'a>(visitor: &'a Visitor, base: &str) -> Result<AssistantsPage<'a>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let known = assistants::list(&state.app, actor)?;
    let names: HashMap<_, _> = known.iter().map(|(id, it)| (*id, it.name.clone())).collect();
    let (mut wired, mut rows) = (Vec::new(), HashMap::<_, Vec<_>>::new());
    for (address, number) in phone_numbers::list(&state.app, actor)? {
        let owner = number.assistant_id.filter(|id| names.contains_key(id));
        rows.entry(owner).or_default().push(number_row(address.as_str(), &number));
        if let Some(name) = owner.and_then(|id| names.get(&id)) {
            wired.push((address, number.provider, name.clone()));
        }
    }
    let base = state.app.carriers.public_url.as_deref().unwrap_or(base);
    Ok(AssistantsPage {
        shell,
        wires: wires(state, (actor, shell), base, &wired),
        unreachable: out_of_reach(base),
        unassigned: rows.remove(&None).unwrap_or_default(),
        cards: known
            .into_iter()
            .map(|(id, assistant)| card(id, assistant, rows.remove(&Some(id)).unwrap_or_default()))
            .collect(),
        make: AssistantForm::default(),
        providers: Provider::ALL,
    })
}

fn number_row(address: &str, number: &PhoneNumber) -> NumberRow {
    NumberRow {
        number: address.to_owned(),
        name: number.friendly_name.clone().unwrap_or_default(),
        provider: number.provider.as_str(),
    }
}

fn card(id: AssistantId, assistant: Assistant, numbers: Vec<NumberRow>) -> Card {
    let (replies, auto_reply) = match AutoReply::of(assistant.custom_settings.as_ref()) {
        Ok(None) => ("answers nothing by itself".to_owned(), ""),
        Ok(Some(AutoReply::Echo)) => ("echoes each message".to_owned(), "echo"),
        Ok(Some(AutoReply::Rules(rules))) => (format!("answers by rules ({})", rules.len()), "rules"),
        // It was checked when it was said.
        Err(_) => ("answers nothing by itself".to_owned(), "rules"),
    };
    let url = assistant.sms_webhook_url.clone().unwrap_or_default();
    Card {
        id,
        is_active: assistant.is_active(),
        form: AssistantForm {
            name: assistant.name.clone(),
            url: url.clone(),
            auto_reply: auto_reply.to_owned(),
            has_rules: auto_reply == "rules",
            refused: None,
        },
        name: assistant.name,
        url,
        replies,
        numbers,
        number: NumberForm::default(),
    }
}

impl AssistantForm {
    fn typed(fields: &Fields, has_rules: bool) -> AssistantForm {
        AssistantForm {
            name: fields.text("name"),
            url: fields.text("sms_webhook_url"),
            auto_reply: fields.text("auto_reply"),
            has_rules,
            refused: None,
        }
    }

    /// What is to be changed; the error is for who typed it. `settings`: those that there are, of which the others stay.
    fn change(&self, settings: Option<Map<String, Value>>) -> Result<AssistantChange, ApiError> {
        let url = Some(&self.url).filter(|url| !url.is_empty());
        let mut body = json!({"name": self.name, "sms_webhook_url": url});
        let had = settings.is_some();
        let mut settings = settings.unwrap_or_default();
        match self.auto_reply.as_str() {
            "rules" => {}
            "echo" => drop(settings.insert("auto_reply".to_owned(), json!("echo"))),
            _ => drop(settings.remove("auto_reply")),
        }
        if had || !settings.is_empty() {
            body["custom_settings"] = Value::Object(settings);
        }
        change_of(body)
    }
}

pub async fn make_assistant(
    Editor(visitor): Editor,
    Base(base): Base,
    fields: Fields,
) -> Result<Response, PageError> {
    let form = AssistantForm::typed(&fields, false);
    match form.change(None) {
        Ok(said) => {
            let (id, _) = assistants::create(&visitor.state.app, &visitor.actor, said).await?;
            Ok(go_to(&format!("/assistants?said=assistant-made#assistant-{id}")))
        }
        Err(error) => {
            let refused = Some(refusal(error)?);
            let mut page = page(&visitor, &base).await?;
            page.make = AssistantForm { refused, ..form };
            show_refused(&page)
        }
    }
}

pub async fn change_assistant(
    Editor(visitor): Editor,
    PathId(id): PathId,
    Base(base): Base,
    fields: Fields,
) -> Result<Response, PageError> {
    let (app, actor, id) = (&visitor.state.app, &visitor.actor, AssistantId(id));
    let known = assistants::get(app, actor, id)?.ok_or(ApiError::NotFound)?;
    let settings = known.custom_settings.as_ref().and_then(|text| serde_json::from_str(&text.0).ok());
    let mut form = AssistantForm::typed(&fields, false);
    match form.change(settings) {
        Ok(change) => {
            assistants::update(app, actor, id, change).await?.ok_or(ApiError::NotFound)?;
            Ok(go_to(&format!("/assistants?said=assistant-changed#assistant-{id}")))
        }
        Err(error) => {
            form.refused = Some(refusal(error)?);
            let mut page = page(&visitor, &base).await?;
            if let Some(card) = page.card(id) {
                form.has_rules = card.form.has_rules;
                card.form = form;
            }
            show_refused(&page)
        }
    }
}

impl AssistantsPage<'_> {
    pub(super) fn card(&mut self, id: AssistantId) -> Option<&mut Card> {
        self.cards.iter_mut().find(|card| card.id == id)
    }
}

pub async fn delete_assistant(
    Editor(Visitor { actor, state, .. }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    match assistants::delete(&state.app, &actor, AssistantId(id)).await? {
        true => Ok(go_to("/assistants?said=assistant-deleted")),
        false => Err(ApiError::NotFound.into()),
    }
}
