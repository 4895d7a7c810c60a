//! What browsers are told of each page: nothing runs but our own files, and nobody frames it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Pictures that customers sent may come from their carriers; they are shown to who opens them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' https:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Forms tell their origin only to who may hear of it.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // What customers wrote is kept by no cache, and Back shows it to nobody who has signed out.
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
