//! `/api-keys`: what programs come in by. A key's secret is in the answer to the form that made it, and nowhere else.

use super::error::{PageError, refusal};
use super::page::{Editor, Fields, Shell, Visitor, go_to, show, show_refused};
use super::paging::Paging;
use super::table::{Ask, Button, Cell, Empty, Table, TableRow};
use crate::app::accounts::{self, UsedKey};
use crate::model::account::Role;
use crate::model::ids::ApiKeyId;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::web::api::api_keys::{self as api, CreateApiKeyBody};
use crate::web::auth::Writer;
use crate::web::error::ApiError;
use crate::web::extract::{JsonBody, PathId, QueryParams};
use askama::Template;
use axum::response::Response;

const ROWS: usize = 50;
const COLUMNS: &[&str] =
    &["Name", "Begins with", "Role", "Whose", "Made", "Last used", "Expires", "State", ""];

#[derive(Template)]
#[template(path = "api_keys.html")]
struct ApiKeysPage<'a> {
    shell: &'a Shell,
    table: Table,
    typed: Typed,
    roles: Vec<Role>,
    /// The newest of their keys when the form was shown: what was made since was made by it.
    newest: u64,
    /// The secret of the one that was just made.
    secret: Option<String>,
}

#[derive(Default)]
struct Typed {
    name: String,
    role: String,
    expires_at: String,
    refused: Option<String>,
}

pub async fn show_api_keys(visitor: Visitor, query: QueryParams) -> Result<Response, PageError> {
    let mut query = query.filled();
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    show(&keys_page(&visitor, page, Typed::default(), None)?)
}

fn keys_page(
    visitor: &Visitor,
    page: Page,
    typed: Typed,
    secret: Option<String>,
) -> Result<ApiKeysPage<'_>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let mut keys = accounts::keys(&state.app, actor)?;
    keys.sort_by_key(|used| std::cmp::Reverse(used.id));
    let newest = keys.iter().find(|used| used.key.user_id == actor.user_id).map_or(0, |used| used.id.0);
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let more = keys.len() > skip.saturating_add(page.limit);
    let rows = keys.into_iter().skip(skip).take(page.limit).map(|used| row(visitor, used)).collect();
    let text =
        "Programs that use the API come in by a key. Make one for each, so that each can be revoked alone.";
    let about = if shell.may_manage { "Those of the whole organization." } else { "" };
    let paging = Paging::new("/api-keys", &[], page, more);
    let table = Table {
        title: "API keys",
        about: about.to_owned(),
        columns: COLUMNS,
        rows,
        empty: Empty::new("No API keys yet", text),
        paging,
        live: false,
    };
    let roles = Role::ALL.into_iter().filter(|role| *role <= actor.role).collect();
    Ok(ApiKeysPage { shell, table, typed, roles, newest, secret })
}

fn row(visitor: &Visitor, used: UsedKey) -> TableRow {
    let Visitor { actor, state, shell } = visitor;
    let UsedKey { id, key, usage } = used;
    let when = |at| Cell::When(shell.when(at));
    let directory = state.app.store.directory().view();
    let owner = directory.user(actor.organization, key.user_id).map(|owner| owner.email.clone());
    let is_valid = key.is_valid(actor.now);
    let status = match key.revoked_at {
        Some(_) => Cell::state("revoked", ""),
        None if is_valid => Cell::state("active", "good"),
        None => Cell::state("expired", ""),
    };
    let rename = Button::asking(format!("/api-keys/{id}"), "Rename", key.name.as_str());
    let revoke = Button::asking(format!("/api-keys/{id}/revoke"), "Revoke", key.name.as_str());
    let buttons = vec![Button { tone: "", ..rename }, revoke];
    TableRow {
        id: format!("k-{id}"),
        cells: vec![
            Cell::Text(key.name),
            Cell::Code(format!("{}…", key.key_prefix)),
            Cell::text(key.role.as_str()),
            Cell::maybe(owner, Cell::Text),
            when(key.created_at),
            usage.last_used_at.map_or_else(|| Cell::Dim("never".to_owned()), when),
            key.expires_at.map_or_else(|| Cell::Dim("never".to_owned()), when),
            status,
            if shell.may_write && is_valid { Cell::Buttons(buttons) } else { Cell::Nothing },
        ],
    }
}

const FIRST_PAGE: Page = Page { skip: 0, limit: ROWS };

/// Makes a key and shows its secret. A form that is sent again, as by reloading the answer, makes no other.
pub async fn make_api_key(Editor(visitor): Editor, fields: Fields) -> Result<Response, PageError> {
    let mut typed = Typed {
        name: fields.text("name"),
        role: fields.text("role"),
        expires_at: fields.text("expires_at"),
        refused: None,
    };
    match make(&visitor, &typed, &fields.text("newest")).await {
        Ok(secret) => show(&keys_page(&visitor, FIRST_PAGE, Typed::default(), Some(secret))?),
        Err(error) => {
            typed.refused = Some(refusal(error)?);
            show_refused(&keys_page(&visitor, FIRST_PAGE, typed, None)?)
        }
    }
}

async fn make(visitor: &Visitor, typed: &Typed, newest: &str) -> Result<String, ApiError> {
    let Visitor { actor, state, .. } = visitor;
    let since: u64 = newest.parse().map_err(|_| ApiError::field("newest", "Field required"))?;
    let is_made =
        |used: UsedKey| used.id.0 > since && used.key.user_id == actor.user_id && used.key.name == typed.name;
    if accounts::keys(&state.app, actor)?.into_iter().any(is_made) {
        let says = "This form was sent before, and its key was made. A key is shown once: if you have not copied it, \
                    revoke it and make another";
        return Err(ApiError::Conflict(says.to_owned()));
    }
    let role = Role::ALL.into_iter().find(|role| role.as_str() == typed.role);
    let role = role.ok_or_else(|| ApiError::field("role", "There is no such role"))?;
    let text = Some(&typed.expires_at).filter(|text| !text.is_empty());
    // A day means its end.
    let end =
        |text: &String| Timestamp::parse_upper(text).map_or_else(|| text.clone(), |end| end.to_string());
    let body = CreateApiKeyBody {
        name: typed.name.clone(),
        role: Some(role),
        expires_at: text.map(end),
        permissions: None,
    };
    let made = api::create_api_key(Writer(*actor, state.clone()), JsonBody(body)).await?;
    Ok(made.0.key)
}

#[derive(Template)]
#[template(path = "api_key.html")]
struct RenamePage<'a> {
    shell: &'a Shell,
    id: ApiKeyId,
    name: String,
    refused: Option<String>,
}

pub async fn ask_to_rename(
    Editor(Visitor { actor, state, shell }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    let id = ApiKeyId(id);
    let used = accounts::key(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    show(&RenamePage { shell: &shell, id, name: used.key.name, refused: None })
}

pub async fn rename_api_key(
    Editor(Visitor { actor, state, shell }): Editor,
    PathId(id): PathId,
    fields: Fields,
) -> Result<Response, PageError> {
    let (id, typed) = (ApiKeyId(id), fields.text("name"));
    api::manageable(&state, &actor, id)?;
    match api::checked_name(&typed) {
        Ok(name) => {
            accounts::rename_key(&state.app, &actor, id, name.to_owned()).await?;
            Ok(go_to("/api-keys?said=key-renamed"))
        }
        Err(error) => {
            let refused = Some(refusal(error)?);
            show_refused(&RenamePage { shell: &shell, id, name: typed, refused })
        }
    }
}

pub async fn ask_to_revoke(
    Editor(Visitor { actor, state, shell }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    let id = ApiKeyId(id);
    let used = accounts::key(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    let last = match used.usage.last_used_at {
        Some(at) => format!("It was last used {}.", shell.when(at).relative),
        None => "It was never used.".to_owned(),
    };
    let button = Button::new(format!("/api-keys/{id}/revoke"), "Revoke it", "");
    show(&Ask {
        shell: &shell,
        question: format!("Revoke the key \u{201c}{}\u{201d}?", used.key.name),
        lines: vec![
            format!("It begins with {}. {last}", used.key.key_prefix),
            "Programs that use it are refused from then on. This cannot be undone.".to_owned(),
        ],
        button: Button { tone: "danger", ..button },
        back: "/api-keys",
    })
}

pub async fn revoke_api_key(
    Editor(Visitor { actor, state, .. }): Editor,
    PathId(id): PathId,
) -> Result<Response, PageError> {
    drop(api::revoke_api_key(Writer(actor, state), PathId(id)).await?);
    Ok(go_to("/api-keys?said=key-revoked"))
}
