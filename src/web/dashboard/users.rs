//! `/users`: the people of the organization, for admins.

use super::error::{PageError, refusal};
use super::page::{Fields, Manager, Shell, Visitor, go_to, show, show_refused};
use super::paging::Paging;
use super::table::{Cell, Empty, Table, TableRow};
use crate::app::users;
use crate::model::account::{Role, Usage, User};
use crate::model::ids::UserId;
use crate::model::page::Page;
use crate::web::api::users::{self as api, CreateUserBody, UpdateUserBody};
use crate::web::auth::Admin;
use crate::web::error::ApiError;
use crate::web::extract::{JsonBody, PathId, QueryParams};
use askama::Template;
use axum::response::Response;

const ROWS: usize = 50;
const COLUMNS: &[&str] = &["Email", "Name", "Role", "State", "Last signed in", "Made", ""];

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage<'a> {
    shell: &'a Shell,
    table: Table,
    form: UserForm,
    roles: [Role; 3],
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage<'a> {
    shell: &'a Shell,
    id: UserId,
    is_own: bool,
    form: UserForm,
    roles: [Role; 3],
}

/// What is typed. A password is typed again: no page has one in it.
struct UserForm {
    email: String,
    first_name: String,
    last_name: String,
    role: String,
    is_active: bool,
    refused: Option<String>,
}

impl UserForm {
    fn empty() -> UserForm {
        UserForm {
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            role: Role::User.as_str().to_owned(),
            is_active: true,
            refused: None,
        }
    }

    fn typed(fields: &Fields) -> UserForm {
        UserForm {
            email: fields.text("email"),
            first_name: fields.text("first_name"),
            last_name: fields.text("last_name"),
            role: fields.text("role"),
            is_active: !fields.text("is_active").is_empty(),
            refused: None,
        }
    }

    fn role(&self) -> Result<Role, ApiError> {
        let role = Role::ALL.into_iter().find(|role| role.as_str() == self.role);
        role.ok_or_else(|| ApiError::field("role", "There is no such role"))
    }
}

/// As it was typed, spaces too; nothing means none.
fn password(fields: &Fields) -> Option<String> {
    fields.0.text("password").filter(|password| !password.is_empty())
}

pub async fn show_users(Manager(visitor): Manager, query: QueryParams) -> Result<Response, PageError> {
    let mut query = query.filled();
    let page = query.page(ROWS, ROWS as u64);
    query.finish()?;
    show(&users_page(&visitor, page, UserForm::empty())?)
}

fn users_page(visitor: &Visitor, page: Page, form: UserForm) -> Result<UsersPage<'_>, PageError> {
    let Visitor { actor, state, shell } = visitor;
    let users = users::list(&state.app, actor)?;
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let more = users.len() > skip.saturating_add(page.limit);
    let rows = users.into_iter().skip(skip).take(page.limit);
    let table = Table {
        title: "Users",
        about: String::new(),
        columns: COLUMNS,
        rows: rows.map(|(id, user, usage)| row(shell, id, user, usage)).collect(),
        empty: Empty::new("No users here", "Who may sign in is listed here."),
        paging: Paging::new("/users", &[], page, more).named("Previous", "Next"),
        live: false,
    };
    Ok(UsersPage { shell, table, form, roles: Role::ALL })
}

fn row(shell: &Shell, id: UserId, user: User, usage: Usage) -> TableRow {
    let names = [user.first_name, user.last_name].into_iter().flatten();
    let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
    let never = || Cell::Dim("never".to_owned());
    TableRow {
        id: format!("u-{id}"),
        cells: vec![
            Cell::Open { to: format!("/users/{id}"), text: user.email },
            Cell::Text(names),
            Cell::text(user.role.as_str()),
            if user.is_active { Cell::state("active", "good") } else { Cell::state("inactive", "") },
            usage.last_used_at.map_or_else(never, |at| Cell::When(shell.when(at))),
            Cell::When(shell.when(user.created_at)),
            Cell::Link { to: format!("/users/{id}"), text: "Change".to_owned() },
        ],
    }
}

pub async fn make_user(Manager(visitor): Manager, fields: Fields) -> Result<Response, PageError> {
    let form = UserForm::typed(&fields);
    match make(&visitor, &form, password(&fields)).await {
        Ok(()) => Ok(go_to("/users?said=user-made")),
        Err(error) => {
            let form = UserForm { refused: Some(refusal(error)?), ..form };
            show_refused(&users_page(&visitor, Page { skip: 0, limit: ROWS }, form)?)
        }
    }
}

async fn make(visitor: &Visitor, form: &UserForm, password: Option<String>) -> Result<(), ApiError> {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let body = CreateUserBody {
        email: form.email.clone(),
        role: Some(form.role()?),
        password,
        first_name: said(&form.first_name),
        last_name: said(&form.last_name),
    };
    let admin = Admin(visitor.actor, visitor.state.clone());
    api::create_user(admin, JsonBody(body)).await.map(drop)
}

pub async fn show_user(Manager(visitor): Manager, PathId(id): PathId) -> Result<Response, PageError> {
    let (id, Visitor { actor, state, shell }) = (UserId(id), visitor);
    let (user, _) = users::get(&state.app, &actor, id)?.ok_or(ApiError::NotFound)?;
    let form = UserForm {
        email: user.email,
        first_name: user.first_name.unwrap_or_default(),
        last_name: user.last_name.unwrap_or_default(),
        role: user.role.as_str().to_owned(),
        is_active: user.is_active,
        refused: None,
    };
    show(&UserPage { shell: &shell, id, is_own: id == actor.user_id, form, roles: Role::ALL })
}

pub async fn change_user(
    Manager(visitor): Manager,
    PathId(id): PathId,
    fields: Fields,
) -> Result<Response, PageError> {
    let (id, Visitor { actor, state, shell }) = (UserId(id), &visitor);
    let (user, _) = users::get(&state.app, actor, id)?.ok_or(ApiError::NotFound)?;
    let form = UserForm { email: user.email.clone(), ..UserForm::typed(&fields) };
    match change(&visitor, (id, &user), &form, password(&fields)).await {
        Ok(()) => Ok(go_to("/users?said=user-changed")),
        Err(error) => {
            let form = UserForm { refused: Some(refusal(error)?), ..form };
            let is_own = id == actor.user_id;
            show_refused(&UserPage { shell, id, is_own, form, roles: Role::ALL })
        }
    }
}

async fn change(
    visitor: &Visitor,
    (id, user): (UserId, &User),
    form: &UserForm,
    password: Option<String>,
) -> Result<(), ApiError> {
    // A name that was taken away is an empty one: what is left out stays.
    let other = |text: &String, was: &Option<String>| {
        (text.as_str() != was.as_deref().unwrap_or_default()).then(|| text.clone())
    };
    let body = UpdateUserBody {
        role: Some(form.role()?),
        is_active: Some(form.is_active),
        password,
        first_name: other(&form.first_name, &user.first_name),
        last_name: other(&form.last_name, &user.last_name),
    };
    let admin = Admin(visitor.actor, visitor.state.clone());
    api::update_user(admin, PathId(id.0), JsonBody(body)).await.map(drop)
}
