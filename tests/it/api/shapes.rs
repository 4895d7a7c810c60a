//! Our document against the hosted API's shapes, for every route that both have: who reads the
//! hosted API's answers can read ours, and what one may send there is taken here. The file of
//! shapes is no part of this repository; without it there is nothing to compare.

use super::openapi::{Operation, document, operations};
use serde_json::Value;
use smslite::config::IdFormat;
use std::collections::{BTreeMap, BTreeSet};

/// Where we differ, and why.
const CHOSEN: &[(&str, &str)] = &[
    (
        "GET /api/v1/assistants: ?include_stats is ignored",
        "the shapes do not say what it adds; an unknown parameter is ignored, so it may be sent",
    ),
    (
        "PATCH /api/v1/assistants/{assistant_id}: body.name may not be null",
        "an assistant has a name; to ignore the null would hide a mistake",
    ),
    ("PUT /api/v1/assistants/{assistant_id}: body.name may not be null", "as in PATCH"),
    (
        "POST /api/v1/assistants/{assistant_id}/phone-numbers/assign-by-number: body.auto_sync is ignored",
        "it may be sent, but we never change what is set up at the carrier",
    ),
    ("POST /webhooks/sms/twilio: 200 is missing", "there is one, but in TwiML, as Twilio asks for"),
    ("POST /webhooks/sms/telnyx: 200 is missing", "there is one, without a body, which nobody reads"),
    ("POST /webhooks/sms/vonage: 200 is missing", "there is one, without a body, which nobody reads"),
];

/// The document in which a schema's references lead somewhere, and the schema.
#[derive(Clone, Copy)]
struct Shape<'a> {
    document: &'a Value,
    schema: &'a Value,
}

impl<'a> Shape<'a> {
    fn with(self, schema: &'a Value) -> Shape<'a> {
        Shape { document: self.document, schema }
    }

    /// The schema that a reference leads to.
    fn resolved(self) -> Shape<'a> {
        match self.schema["$ref"].as_str() {
            Some(reference) => {
                let found = self.document.pointer(reference.trim_start_matches('#'));
                self.with(found.unwrap_or_else(|| panic!("{reference} leads nowhere"))).resolved()
            }
            None => self,
        }
    }

    /// What it is put together of: `allOf` all at once, `anyOf` and `oneOf` one of them.
    fn parts(self, kinds: &[&str]) -> Vec<Shape<'a>> {
        let lists = kinds.iter().filter_map(|kind| self.schema[*kind].as_array());
        lists.flatten().map(|schema| self.with(schema).resolved()).collect()
    }

    /// The JSON types it may have; `None`: any.
    fn types(self) -> Option<BTreeSet<String>> {
        let shape = self.resolved();
        let mut types = BTreeSet::new();
        match &shape.schema["type"] {
            Value::String(name) => types.extend([name.clone()]),
            Value::Array(names) => types.extend(names.iter().map(|name| name.as_str().unwrap().to_owned())),
            _ => {
                let variants = shape.parts(&["anyOf", "oneOf"]);
                let all = shape.parts(&["allOf"]);
                if variants.is_empty() && all.is_empty() {
                    return None;
                }
                for part in variants.into_iter().chain(all) {
                    types.extend(part.types()?);
                }
            }
        }
        if shape.schema["nullable"] == true {
            types.insert("null".to_owned());
        }
        Some(types)
    }

    /// The properties of an object, and which of them it always has.
    fn properties(self) -> (BTreeMap<&'a str, Shape<'a>>, BTreeSet<&'a str>) {
        let shape = self.resolved();
        let own = shape.schema["properties"].as_object().into_iter().flatten();
        let mut properties: BTreeMap<_, _> =
            own.map(|(name, schema)| (name.as_str(), shape.with(schema))).collect();
        let required = shape.schema["required"].as_array().into_iter().flatten();
        let mut required: BTreeSet<_> = required.filter_map(Value::as_str).collect();
        for part in shape.parts(&["allOf", "anyOf", "oneOf"]) {
            let (more, needed) = part.properties();
            properties.extend(more);
            required.extend(needed);
        }
        (properties, required)
    }

    /// What an array has, or an object under any name.
    fn inner(self, key: &str) -> Option<Shape<'a>> {
        let shape = self.resolved();
        if shape.schema[key].is_object() {
            return Some(shape.with(&shape.schema[key]));
        }
        shape.parts(&["allOf", "anyOf", "oneOf"]).into_iter().find_map(|part| part.inner(key))
    }

    fn takes_any_name(self) -> bool {
        let shape = self.resolved();
        let own = &shape.schema["additionalProperties"];
        own.is_object() || *own == true || shape.parts(&["allOf"]).iter().any(|part| part.takes_any_name())
    }
}

/// Which of `some` are no `others`. Every integer is a number.
fn beyond(some: Option<BTreeSet<String>>, others: Option<BTreeSet<String>>) -> Option<String> {
    let others = others?;
    let Some(some) = some else { return Some("anything".to_owned()) };
    let fits = |kind: &String| others.contains(kind) || kind == "integer" && others.contains("number");
    let beyond: Vec<_> = some.into_iter().filter(|kind| !fits(kind)).collect();
    (!beyond.is_empty()).then(|| beyond.join(" or "))
}

/// Who can read theirs can read ours.
fn answers(at: &str, ours: Shape<'_>, theirs: Shape<'_>, tell: &mut dyn FnMut(String)) {
    if let Some(kinds) = beyond(ours.types(), theirs.types()) {
        return tell(format!("{at} may be {kinds}"));
    }
    let ((has, always), (properties, required)) = (ours.properties(), theirs.properties());
    for name in &required {
        if !always.contains(name) {
            tell(format!("{at}.{name} is missing"));
        }
    }
    for (name, shape) in properties {
        if let Some(own) = has.get(name) {
            answers(&format!("{at}.{name}"), *own, shape, tell);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let (Some(own), Some(shape)) = (ours.inner(key), theirs.inner(key)) {
            answers(&format!("{at}[]"), own, shape, tell);
        }
    }
}

/// What may be sent to them may be sent to us.
fn requests(at: &str, ours: Shape<'_>, theirs: Shape<'_>, tell: &mut dyn FnMut(String)) {
    if let Some(kinds) = beyond(theirs.types(), ours.types()) {
        tell(format!("{at} may not be {kinds}"));
    }
    let ((takes, needs), (properties, required)) = (ours.properties(), theirs.properties());
    for name in needs.difference(&required) {
        tell(format!("{at}.{name} may not be left out"));
    }
    for (name, shape) in properties {
        match takes.get(name) {
            Some(own) => requests(&format!("{at}.{name}"), *own, shape, tell),
            None if ours.takes_any_name() => {}
            None => tell(format!("{at}.{name} is ignored")),
        }
    }
}

fn json<'a>(document: &'a Value, message: &'a Value) -> Option<Shape<'a>> {
    let schema = &message["content"]["application/json"]["schema"];
    schema.is_object().then_some(Shape { document, schema })
}

fn parameters(operation: &Operation) -> BTreeMap<&str, &Value> {
    let all = operation.said["parameters"].as_array().into_iter().flatten();
    let query = all.filter(|parameter| parameter["in"] == "query");
    query.map(|parameter| (parameter["name"].as_str().unwrap(), parameter)).collect()
}

fn compare(ours: (&Value, &Operation), theirs: (&Value, &Operation), tell: &mut dyn FnMut(String)) {
    let ((our_document, our), (their_document, their)) = (ours, theirs);
    let (takes, sent) = (parameters(our), parameters(their));
    for (name, parameter) in sent {
        let Some(own) = takes.get(name) else {
            tell(format!("?{name} is ignored"));
            continue;
        };
        let shape = |document, parameter: &'static str, of: &Value| {
            let mut types = Shape { document, schema: &of[parameter] }.types();
            types.as_mut().map(|types| types.remove("null"));
            types
        };
        let (own, shape) = (shape(our_document, "schema", own), shape(their_document, "schema", parameter));
        if let Some(kinds) = beyond(shape, own) {
            tell(format!("?{name} may not be {kinds}"));
        }
    }
    if let Some(shape) = json(their_document, &their.said["requestBody"]) {
        match json(our_document, &our.said["requestBody"]) {
            Some(own) => requests("body", own, shape, tell),
            None => tell("body is ignored".to_owned()),
        }
    }
    for (status, response) in their.said["responses"].as_object().unwrap() {
        let Some(shape) = json(their_document, response) else { continue };
        match json(our_document, &our.said["responses"][status]) {
            Some(own) => answers(status, own, shape, tell),
            None if status.starts_with('2') => tell(format!("{status} is missing")),
            None => {}
        }
    }
}

/// Without the names of its parameters and the last slash.
fn bare(operation: &Operation) -> String {
    let mut parts = operation.path.trim_end_matches('/').split('/');
    let bare = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    let path: Vec<_> = parts.by_ref().map(bare).collect();
    format!("{} {}", operation.method, path.join("/"))
}

#[test]
fn our_shapes_are_those_of_the_hosted_api_but_where_we_choose() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/burki-shapes.openapi.json");
    let Ok(text) = std::fs::read_to_string(file) else {
        eprintln!("SKIPPED: {file} is not here, nothing is compared");
        return;
    };
    let theirs: Value = serde_json::from_str(&text).unwrap();
    // They print conversations' ids as strings.
    let ours = document(IdFormat::String);
    let own: BTreeMap<_, _> =
        operations(&ours).into_iter().map(|operation| (bare(&operation), operation)).collect();
    let (mut deviations, mut compared) = (BTreeSet::new(), 0);
    for their in operations(&theirs) {
        let Some(our) = own.get(&bare(&their)) else { continue };
        compared += 1;
        let name = our.name();
        compare((&ours, our), (&theirs, &their), &mut |what| {
            deviations.insert(format!("{name}: {what}"));
        });
    }
    assert!(compared >= 15, "only {compared} routes are those of the hosted API");
    let chosen: BTreeSet<_> = CHOSEN.iter().map(|(deviation, _)| (*deviation).to_owned()).collect();
    let unexplained: Vec<_> = deviations.difference(&chosen).collect();
    assert!(unexplained.is_empty(), "unexplained: {unexplained:#?}");
    let over: Vec<_> = chosen.difference(&deviations).collect();
    assert!(over.is_empty(), "no deviations any more: {over:#?}");
}
