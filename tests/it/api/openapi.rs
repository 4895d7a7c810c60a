//! The OpenAPI document: what is committed is what is generated, and it is sound. What it says is
//! held against the routes in `every_route`, and against the hosted API's shapes in `shapes`.

use serde_json::Value;
use smslite::config::IdFormat;
use std::collections::BTreeSet;

/// One method of one path.
pub struct Operation {
    pub path: String,
    pub method: String,
    pub said: Value,
}

impl Operation {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The names of its parameters in this place.
    pub fn parameters(&self, place: &str) -> BTreeSet<String> {
        let all = self.said["parameters"].as_array().into_iter().flatten();
        let here = all.filter(|parameter| parameter["in"] == place);
        here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Whether it asks for no credentials.
    pub fn is_open(&self) -> bool {
        !self.said["security"].is_null()
    }
}

pub fn document(ids: IdFormat) -> Value {
    serde_json::to_value(smslite::web::routes::document(ids, true, None)).unwrap()
}

pub fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, said) in item.as_object().unwrap() {
            if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                let (path, method) = (path.clone(), method.to_uppercase());
                found.push(Operation { path, method, said: said.clone() });
            }
        }
    }
    assert!(found.len() > 20, "the document lost its routes");
    found
}

#[test]
fn the_document_is_the_committed_one() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/api/openapi.json");
    let document = smslite::web::routes::document(IdFormat::Integer, true, None);
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("SMSLITE_UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        std::fs::write(file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    let first = text.lines().zip(committed.lines()).position(|(ours, theirs)| ours != theirs);
    assert!(
        text == committed,
        "tests/it/api/openapi.json is another document, from line {} on. If that is meant, renew it:\n\
         SMSLITE_UPDATE_SNAPSHOTS=1 cargo test --test it the_document_is_the_committed_one",
        first.unwrap_or(text.lines().count().min(committed.lines().count())) + 1,
    );
}

fn each_reference(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                visit(reference);
            }
            fields.values().for_each(|value| each_reference(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| each_reference(value, visit)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    for ids in [IdFormat::Integer, IdFormat::String] {
        let document = document(ids);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        let mut referred = BTreeSet::new();
        each_reference(&document, &mut |reference| {
            let pointer = reference.strip_prefix('#').expect("nothing lies outside the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            referred.insert(reference.rsplit('/').next().unwrap().to_owned());
        });
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert_eq!(schemas.keys().cloned().collect::<BTreeSet<_>>(), referred, "a schema that nothing has");
        for (name, schema) in schemas {
            let described =
                ["type", "allOf", "anyOf", "oneOf", "$ref"].iter().any(|key| !schema[key].is_null());
            assert!(described, "{name} says nothing");
        }
    }
}

#[test]
fn every_operation_is_named_tagged_summed_up_and_tells_its_answers() {
    let document = document(IdFormat::Integer);
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for scheme in document["security"].as_array().unwrap() {
        assert!(scheme.as_object().unwrap().keys().all(|name| schemes.contains_key(name)));
    }
    let mut names = BTreeSet::new();
    for operation in operations(&document) {
        let (name, said) = (operation.name(), &operation.said);
        let id = said["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no operationId"));
        assert!(names.insert(id.to_owned()), "{name}: another operation is called {id} too");
        let own: Vec<_> = said["tags"].as_array().unwrap().iter().collect();
        assert!(own.len() == 1 && tags.contains(&own[0]), "{name}: {own:?}");
        assert!(said["summary"].as_str().is_some_and(|summary| summary.len() > 3), "{name} has no summary");

        let in_template = operation.path.split('{').skip(1);
        let in_template = in_template.map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
        assert_eq!(operation.parameters("path"), in_template, "{name}");
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
            assert_eq!(parameter["required"] == true, parameter["in"] == "path", "{name}: {parameter}");
        }

        let responses = said["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
        let (in_path, in_query) =
            (!operation.parameters("path").is_empty(), !operation.parameters("query").is_empty());
        let body = said["requestBody"].is_object();
        let changes = operation.method != "GET";
        for (demanded, status) in [
            (body, "400"),
            (!operation.is_open(), "401"),
            (!operation.is_open() && changes, "403"),
            (in_path, "404"),
            (body, "413"),
            (body, "415"),
            (body || in_query, "422"),
            (true, "500"),
            (true, "503"),
        ] {
            assert!(!demanded || responses.contains_key(status), "{name} does not tell of {status}");
        }
        for (status, response) in responses {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name} {status}");
            for (media, content) in response["content"].as_object().into_iter().flatten() {
                assert!(content["schema"].is_object(), "{name} {status} {media}");
            }
        }
    }
}
