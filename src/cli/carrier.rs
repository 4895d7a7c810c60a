//! `smslite carrier`: an organization's own accounts at carriers, and why their webhooks were refused.

use super::client::{Asked, with_client};
use super::out;
use crate::model::carrier_account::SignatureMethod;
use crate::model::message_log::Provider;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use http::Method;
use serde_json::json;
use std::process::ExitCode;

const PATH: &str = "/api/v1/carriers";

/// Accounts at carriers that are an organization's own, and refused webhooks
#[derive(Parser)]
#[command(name = "carrier")]
enum Carrier {
    /// List the carriers, and by whose account each is used
    List,
    /// Set the organization's own account; the secret to send with is read from standard input
    Set {
        #[arg(value_parser = Provider::REAL.map(Provider::as_str))]
        carrier: String,
        /// Twilio's Account SID, Vonage's API key
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
        /// What webhooks are verified with, given twice during a rotation: Telnyx' public key, Vonage's signature secret, another
        /// auth token of Twilio's
        #[arg(long, value_name = "TEXT")]
        verifying: Vec<String>,
        /// How Vonage signs the account's webhooks
        #[arg(long, value_name = "METHOD", value_parser = SignatureMethod::WORDS)]
        signature_method: Option<String>,
    },
    /// Use the server's account again
    Unset {
        #[arg(value_parser = Provider::REAL.map(Provider::as_str))]
        carrier: String,
    },
    /// List the webhooks that were refused since the server started, and why
    Refused,
}

pub(super) fn command() -> Command {
    Carrier::command()
}

pub(super) fn run(matches: &ArgMatches, asked: Asked) -> anyhow::Result<ExitCode> {
    let carrier = Carrier::from_arg_matches(matches)?;
    // Before the data are touched.
    let secret = match carrier {
        Carrier::Set { .. } => Some(out::secret_line("secret")?),
        _ => None,
    };
    with_client(asked, async |client| match carrier {
        Carrier::List => {
            let columns = [
                ("CARRIER", "/provider"),
                ("ACCOUNT", "/account"),
                ("ACCOUNT ID", "/account_id"),
                ("CAN SEND", "/can_send"),
                ("MISSING", "/missing"),
            ];
            client.table(PATH, columns).await
        }
        Carrier::Set { carrier, account_id, verifying, signature_method } => {
            let body = json!({
                "account_id": account_id, "secret": secret, "verifying": verifying, "signature_method": signature_method,
            });
            let set = client.json(Method::PUT, &format!("{PATH}/{carrier}"), Some(body)).await?;
            out::tell(&format!("The organization uses its own account at {carrier} now."));
            if let Some(missing) = set["missing"].as_str() {
                out::tell(&format!("Nothing can be sent with it: it has no {missing}."));
            }
            if carrier != "twilio" && set["verifying"] == 0 {
                out::tell(
                    "Webhooks are verified with the server's account alone: --verifying was not given.",
                );
            }
            Ok(())
        }
        Carrier::Unset { carrier } => {
            client.json(Method::DELETE, &format!("{PATH}/{carrier}"), None).await?;
            out::tell(&format!("The organization uses the server's account at {carrier} again."));
            Ok(())
        }
        Carrier::Refused => {
            let columns =
                [("AT", "/refused_at"), ("CARRIER", "/carrier"), ("URL", "/url"), ("WHY", "/reason")];
            client.table(&format!("{PATH}/refused-webhooks"), columns).await
        }
    })
}
