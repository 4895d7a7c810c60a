//! `/configuration`: every setting, its value and where it comes from, as `smslite config` prints them. It shows no
//! secret and changes nothing: what may be said before the server starts is not a page's to say.

use super::error::PageError;
use super::page::{Manager, Shell, Visitor, show};
use super::paging::Paging;
use super::table::{Cell, Empty, Table, TableRow};
use crate::app::metrics;
use crate::config::KEYS;
use crate::model::page::Page;
use crate::store::Health;
use crate::web::error::ApiError;
use askama::Template;
use axum::response::Response;

const COLUMNS: &[&str] = &["Setting", "Value", "From", "What it is"];

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage<'a> {
    shell: &'a Shell,
    table: Table,
    facts: Vec<(&'static str, String)>,
    /// The file that was read.
    file: Option<String>,
}

pub async fn show_configuration(
    Manager(Visitor { state, shell, .. }): Manager,
) -> Result<Response, PageError> {
    let app = &state.app;
    // What is of the server is no organization's to see where there are several; a world is alone.
    let is_alone = app.store.directory().view().organizations().take(2).count() == 1;
    if !is_alone && app.only().is_none() {
        return Err(ApiError::Forbidden.into());
    }
    let health = match app.store.health() {
        Health::Ready => "takes writes".to_owned(),
        Health::Failing(reason) => format!("takes no writes: {reason}"),
    };
    let directory = app.data_dir.as_ref().map(|dir| dir.display().to_string());
    let mut facts = vec![
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        (
            "Data directory",
            directory.unwrap_or_else(|| "none: all is in memory and ends with the server".to_owned()),
        ),
        ("Storage", health),
    ];
    facts.extend(metrics::file_bytes(app).map(|bytes| ("Database", size(bytes))));
    let said = &state.settings.said;
    let rows = said.values.iter().map(|(key, value, source)| {
        let help = KEYS.iter().find(|known| known.name == *key).map(|known| known.help);
        TableRow {
            id: format!("s-{key}"),
            cells: vec![
                Cell::Code((*key).to_owned()),
                match value.starts_with('(') {
                    true => Cell::Dim(value.clone()),
                    false => Cell::Code(value.clone()),
                },
                if source == "default" { Cell::Dim(source.clone()) } else { Cell::Text(source.clone()) },
                Cell::text(help.unwrap_or_default()),
            ],
        }
    });
    let table = Table {
        title: "Configuration",
        about: String::new(),
        columns: COLUMNS,
        rows: rows.collect(),
        empty: Empty::new("No settings", "Nothing is known of how the server was configured."),
        paging: Paging::new("/configuration", &[], Page { skip: 0, limit: KEYS.len() }, false),
        live: false,
    };
    show(&ConfigurationPage { shell: &shell, table, facts, file: said.file.clone() })
}

/// `83.1 MiB`
fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = (bytes as f64, 0);
    while scaled.0 >= 1024.0 && scaled.1 + 1 < units.len() {
        scaled = (scaled.0 / 1024.0, scaled.1 + 1);
    }
    let unit = units.get(scaled.1).copied().unwrap_or_default();
    if scaled.1 == 0 { format!("{bytes} {unit}") } else { format!("{:.1} {unit}", scaled.0) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_is_told_in_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_600_000, "1.5 MiB"),
            (5 << 40, "5.0 TiB"),
            (1 << 60, "1048576.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
