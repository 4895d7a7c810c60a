//! Replies without code: what an assistant's `custom_settings.auto_reply` says is answered to a message.
//!
//! Either `"echo"`, or a list of rules of which the first that fits answers:
//! `[{"exact": "hi", "reply": "Hello!"}, {"contains": "price", "reply": "10 dollars"},
//! {"regex": "order (\\d+)", "reply": "Order $1 is on its way"}]`. Letters of either case are alike.

use super::call::JsonText;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;

/// The largest program a pattern may become, in bytes.
const PATTERN_BYTES: usize = 64 * 1024;
const MOST_RULES: usize = 100;
/// As long as a message may be.
const MOST_CHARACTERS: usize = 1600;

#[derive(Clone, Debug)]
pub enum AutoReply {
    Echo,
    Rules(Vec<Rule>),
}

#[derive(Clone, Debug)]
pub struct Rule {
    fits: Fits,
    reply: String,
}

#[derive(Clone, Debug)]
enum Fits {
    Exact(String),
    Contains(String),
    Pattern(Box<Regex>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    exact: Option<String>,
    contains: Option<String>,
    regex: Option<String>,
    reply: String,
}

impl AutoReply {
    /// What an assistant's settings say; `None`: nothing is answered. The error is one sentence.
    pub fn of(custom_settings: Option<&JsonText>) -> Result<Option<AutoReply>, String> {
        let Some(settings) = custom_settings.filter(|settings| settings.0.contains("auto_reply")) else {
            return Ok(None);
        };
        let settings: Value = serde_json::from_str(&settings.0).map_err(|error| error.to_string())?;
        match settings.get("auto_reply") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) if word == "echo" => Ok(Some(AutoReply::Echo)),
            Some(Value::Array(rules)) if rules.len() <= MOST_RULES => {
                let rules = rules.iter().enumerate().map(|(at, rule)| {
                    Rule::of(rule).map_err(|what| format!("auto_reply: rule {}: {what}", at + 1))
                });
                rules.collect::<Result<_, _>>().map(|rules| Some(AutoReply::Rules(rules)))
            }
            Some(Value::Array(_)) => Err(format!("auto_reply: at most {MOST_RULES} rules")),
            Some(_) => Err("auto_reply is \"echo\" or a list of rules".to_owned()),
        }
    }

    /// What is answered to a message, no longer than one may be.
    pub fn to(&self, body: &str) -> Option<String> {
        let reply = match self {
            AutoReply::Echo => body.to_owned(),
            AutoReply::Rules(rules) => rules.iter().find_map(|rule| rule.answer(body))?,
        };
        let reply: String = reply.chars().take(MOST_CHARACTERS).collect();
        Some(reply).filter(|reply| !reply.trim().is_empty())
    }
}

impl Rule {
    fn of(written: &Value) -> Result<Rule, String> {
        let Written { exact, contains, regex, reply } =
            Written::deserialize(written).map_err(|error| error.to_string())?;
        if reply.trim().is_empty() || reply.chars().count() > MOST_CHARACTERS {
            return Err(format!("reply has 1 to {MOST_CHARACTERS} characters"));
        }
        let fits = match (exact, contains, regex) {
            (Some(text), None, None) => Fits::Exact(text.trim().to_lowercase()),
            (None, Some(text), None) => Fits::Contains(text.to_lowercase()),
            (None, None, Some(pattern)) => {
                let pattern =
                    RegexBuilder::new(&pattern).case_insensitive(true).size_limit(PATTERN_BYTES).build();
                Fits::Pattern(Box::new(pattern.map_err(|error| format!("regex: {error}"))?))
            }
            _ => return Err("needs exactly one of exact, contains and regex".to_owned()),
        };
        if matches!(&fits, Fits::Exact(text) | Fits::Contains(text) if text.is_empty()) {
            return Err("exact and contains have at least 1 character".to_owned());
        }
        Ok(Rule { fits, reply })
    }

    fn answer(&self, body: &str) -> Option<String> {
        match &self.fits {
            Fits::Exact(text) => (body.trim().to_lowercase() == *text).then(|| self.reply.clone()),
            Fits::Contains(text) => body.to_lowercase().contains(text).then(|| self.reply.clone()),
            Fits::Pattern(pattern) => {
                let found = pattern.captures(body)?;
                let mut reply = String::new();
                found.expand(&self.reply, &mut reply);
                Some(reply)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Option<AutoReply>, String> {
        AutoReply::of(Some(&JsonText(text.to_owned())))
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules = r#"{"auto_reply": [{"exact": "Hi", "reply": "Hello!"}, {"contains": "preis", "reply": "10 Euro"},
            {"regex": "order\\s+(\\d+)", "reply": "Order $1 is on its way"}, {"regex": "^.$", "reply": "$9"}]}"#;
        let rules = settings(rules).unwrap().unwrap();
        for (body, reply) in [
            ("hi", Some("Hello!")),
            (" HI \n", Some("Hello!")),
            ("hi there", None),
            ("Der PREIS?", Some("10 Euro")),
            ("Where is ORDER 42?", Some("Order 42 is on its way")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(rules.to(body).as_deref(), reply, "{body:?}");
        }
    }

    #[test]
    fn an_echo_says_the_same_but_never_nothing_or_too_much() {
        let echo = settings(r#"{"auto_reply": "echo", "other": 1}"#).unwrap().unwrap();
        assert_eq!(echo.to("Größe?").as_deref(), Some("Größe?"));
        assert_eq!(echo.to(" \n"), None);
        assert_eq!(echo.to(&"ö".repeat(1700)).unwrap(), "ö".repeat(1600));
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (text, told) in [
            ("{}", None),
            (r#"{"auto_reply": null}"#, None),
            (r#"{"auto_reply": "parrot"}"#, Some("\"echo\" or a list")),
            (r#"{"auto_reply": {}}"#, Some("\"echo\" or a list")),
            (r#"{"auto_reply": [{"reply": "x"}]}"#, Some("rule 1: needs exactly one of")),
            (
                r#"{"auto_reply": [{"exact": "a", "contains": "b", "reply": "x"}]}"#,
                Some("rule 1: needs exactly one of"),
            ),
            (r#"{"auto_reply": [{"contains": "", "reply": "x"}]}"#, Some("at least 1 character")),
            (r#"{"auto_reply": [{"exact": " ", "reply": "x"}]}"#, Some("at least 1 character")),
            (r#"{"auto_reply": [{"exact": "a", "reply": " "}]}"#, Some("1 to 1600")),
            (
                r#"{"auto_reply": [{"exact": "a", "reply": "x"}, {"regex": "(", "reply": "x"}]}"#,
                Some("rule 2: regex"),
            ),
            (r#"{"auto_reply": [{"regex": "(\\w{100}){100}", "reply": "x"}]}"#, Some("rule 1: regex")),
            (r#"{"auto_reply": [{"exact": "a", "answer": "x"}]}"#, Some("unknown field")),
        ] {
            let found = settings(text);
            match told {
                None => assert!(matches!(found, Ok(None)), "{text}: {found:?}"),
                Some(told) => {
                    assert!(found.as_ref().is_err_and(|what| what.contains(told)), "{text}: {found:?}")
                }
            }
        }
    }
}
