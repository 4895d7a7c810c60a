//! URLs that carriers call, as text: signatures are made over the very letters, so nothing is normalised.

/// Scheme, user info, host with port, and everything after it.
pub(super) fn split_url(url: &str) -> Option<(&str, &str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user_info, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    Some((scheme, user_info, host, tail))
}

/// The URL as a log may show it: user info may be a password, and the query of a GET is the message itself.
pub fn without_secrets(url: &str) -> String {
    let (before_query, query_mark) = url.split_once('?').map_or((url, ""), |(before, _)| (before, "?..."));
    match split_url(before_query) {
        Some((scheme, user_info, host, path)) => {
            let user_mark = if user_info.is_empty() { "" } else { "...@" };
            format!("{scheme}://{user_mark}{host}{path}{query_mark}")
        }
        None => format!("{before_query}{query_mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_logged_url_shows_no_password_and_no_message() {
        let rows = [
            ("https://a.example:8443/x", "https://a.example:8443/x"),
            ("https://u:p@a.example/x?Body=secret", "https://...@a.example/x?..."),
            ("https://u:p@ss@a.example/x", "https://...@a.example/x"),
            ("/x?Body=secret", "/x?..."),
        ];
        for (url, expected) in rows {
            assert_eq!(without_secrets(url), expected, "{url}");
        }
    }
}
