//! `/docs`: Swagger UI, from this binary alone. A crate has its whole archive; the files that the page
//! uses are taken out of it when this is compiled, and stay compressed as they lie there: that is a
//! quarter of what they are, and what a browser takes.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

const ZIP: &[u8] = utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
/// What gzip has before a compressed file: its mark, the method, no name, no time, no system.
const GZIP: [u8; 10] = [0x1f, 0x8b, DEFLATED as u8, 0, 0, 0, 0, 0, 0, 0xff];
const STORED: u32 = 0;
const DEFLATED: u32 = 8;

const HTML: &str = "text/html";
const SCRIPT: &str = "text/javascript";
const STYLE: &str = "text/css";
const IMAGE: &str = "image/png";

pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", get(async || file("index.html")))
        .route("/docs/{*rest}", get(async |Path(name): Path<String>| file(&name)))
}

/// A file of the archive as gzip has it: the compressed bytes are the same in both.
macro_rules! gzipped {
    ($name:literal) => {{
        const MEMBER: Member = member($name, DEFLATED);
        static FILE: [u8; GZIP.len() + MEMBER.length + 8] = gzip(MEMBER);
        &FILE
    }};
}

macro_rules! stored {
    ($name:literal) => {{
        const MEMBER: Member = member($name, STORED);
        static FILE: [u8; MEMBER.length] = copied(MEMBER);
        &FILE
    }};
}

fn file(name: &str) -> Response {
    let (kind, bytes): (_, &'static [u8]) = match name {
        "index.html" => (HTML, include_bytes!("docs/index.html")),
        "swagger-initializer.js" => (SCRIPT, include_bytes!("docs/swagger-initializer.js")),
        "swagger-ui-bundle.js" => (SCRIPT, gzipped!("swagger-ui-bundle.js")),
        "swagger-ui-standalone-preset.js" => (SCRIPT, gzipped!("swagger-ui-standalone-preset.js")),
        "swagger-ui.css" => (STYLE, gzipped!("swagger-ui.css")),
        "index.css" => (STYLE, gzipped!("index.css")),
        "favicon-16x16.png" => (IMAGE, stored!("favicon-16x16.png")),
        "favicon-32x32.png" => (IMAGE, stored!("favicon-32x32.png")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match bytes.starts_with(&GZIP) {
        true => ([(CONTENT_TYPE, kind), (CONTENT_ENCODING, "gzip")], bytes).into_response(),
        false => ([(CONTENT_TYPE, kind)], bytes).into_response(),
    }
}

/// Where a file lies in the archive.
struct Member {
    start: usize,
    length: usize,
    /// The checksum and the length of what was compressed.
    end: [u32; 2],
}

/// Looks a file of the folder `dist` up. An archive without it, or with another method, does not compile.
const fn member(name: &str, method: u32) -> Member {
    // The archive's end, which tells where its list is, has a comment after it.
    let mut end = ZIP.len() - 22;
    while number(end, 4) != 0x0605_4b50 {
        end -= 1;
    }
    let mut at = number(end + 16, 4) as usize;
    while !is_named(at, name.as_bytes()) {
        assert!(number(at, 4) == 0x0201_4b50, "no such file in the archive");
        at += 46 + (number(at + 28, 2) + number(at + 30, 2) + number(at + 32, 2)) as usize;
    }
    assert!(number(at + 10, 2) == method, "it is compressed in another way");
    let local = number(at + 42, 4) as usize;
    let start = local + 30 + (number(local + 26, 2) + number(local + 28, 2)) as usize;
    let end = [number(at + 16, 4), number(at + 24, 4)];
    Member { start, length: number(at + 20, 4) as usize, end }
}

/// Whether the entry is about `.../dist/name`.
const fn is_named(at: usize, name: &[u8]) -> bool {
    const FOLDER: &[u8] = b"/dist/";
    let end = at + 46 + number(at + 28, 2) as usize;
    let mut back = 0;
    while back < name.len() + FOLDER.len() {
        let wanted = match back < name.len() {
            true => name[name.len() - 1 - back],
            false => FOLDER[name.len() + FOLDER.len() - 1 - back],
        };
        back += 1;
        if ZIP[end - back] != wanted {
            return false;
        }
    }
    true
}

const fn number(at: usize, bytes: usize) -> u32 {
    let (mut value, mut place) = (0, bytes);
    while place > 0 {
        place -= 1;
        value = value << 8 | ZIP[at + place] as u32;
    }
    value
}

const fn copied<const N: usize>(member: Member) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(ZIP.split_at(member.start).1.split_at(N).0);
    out
}

const fn gzip<const N: usize>(member: Member) -> [u8; N] {
    let mut out = [0; N];
    let (head, rest) = out.split_at_mut(GZIP.len());
    let (data, end) = rest.split_at_mut(member.length);
    let (checksum, length) = end.split_at_mut(4);
    head.copy_from_slice(&GZIP);
    data.copy_from_slice(ZIP.split_at(member.start).1.split_at(member.length).0);
    checksum.copy_from_slice(&member.end[0].to_le_bytes());
    length.copy_from_slice(&member.end[1].to_le_bytes());
    out
}
