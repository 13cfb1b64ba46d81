//! Addresses: which are read, and how they are shown without what is secret in them.

use ureq::http::Uri;

/// The address as the client reads it, if it is one.
pub(crate) fn parse(address: &str) -> Result<Uri, String> {
    let uri: Uri = address.parse().map_err(|error| format!("cannot be read ({error})"))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err("is neither http nor https".to_owned()),
    }
}

/// The address without name and password before the host, and without what is asked after the path: both may be secret,
/// and messages, logs and notes on the disk are read by others.
pub(crate) fn shown(address: &str) -> String {
    let begin = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(begin);
    let end = secret(rest);
    let (mask, rest) = if end > 0 { ("***@", &rest[end..]) } else { ("", rest) };
    let (rest, query) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], "?***"),
        None => (rest, ""),
    };
    format!("{scheme}{mask}{rest}{query}")
}

/// A message about an address without what is secret in it.
pub(crate) fn scrubbed(message: &str, address: &str) -> String {
    let begin = address.find("://").map_or(0, |at| at + 3);
    let rest = &address[begin..];
    let message = message.replace(address, &shown(address));
    let secret = rest[..secret(rest)].trim_end_matches('@');
    if secret.is_empty() { message } else { message.replace(secret, "***") }
}

/// Where name and password of an address without its scheme end, behind the `@`; 0 where there are none.
fn secret(rest: &str) -> usize {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if let Some(at) = authority.rfind('@') {
        return at + 1;
    }
    // A password with one of these signs in it ends what is read as the host: there, no number is behind the colon.
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let no_port = !port.is_empty() && !port.bytes().all(|byte| byte.is_ascii_digit());
    if no_port { rest.rfind('@').map_or(0, |at| at + 1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_other_than_http_are_refused() {
        for address in ["", "ftp://host/x", "host/x", "http://", "file:///x", "https:/x", "http://a b/"] {
            assert!(parse(address).is_err(), "{address}");
        }
        assert!(parse("http://127.0.0.1:80/x").is_ok() && parse("https://host.org/~a/x.zip").is_ok());
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        for (address, expected) in [
            ("https://host.org:80/~a/x@1.zip", "https://host.org:80/~a/x@1.zip"),
            ("http://user:secret@host/x", "http://***@host/x"),
            ("http://user@host:1/x", "http://***@host:1/x"),
            ("https://host/x?token=secret#part", "https://host/x?***"),
            ("http://user:sec/ret@host/x", "http://***@host/x"),
            ("http://user:sec?ret@host/x", "http://***@host/x"),
            ("user:secret@host", "***@host"),
            ("", ""),
        ] {
            assert_eq!(shown(address), expected, "{address}");
        }
        let told = scrubbed("user:secret at http://user:secret@host/x", "http://user:secret@host/x");
        assert_eq!(told, "*** at http://***@host/x");
        assert_eq!(scrubbed("no host", "http://host/"), "no host");
    }
}
