//! What makes a text fit for its key, where its form alone does not say it.

use tracing_subscriber::EnvFilter;

pub(super) fn check_host(text: &str) -> Result<(), String> {
    let address = text.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    match url::Host::parse(text) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err("neither a host name nor an IP address; the port has a key of its own".to_owned())
        }
    }
}

pub(super) fn check_header_value(text: &str) -> Result<(), String> {
    match http::HeaderValue::from_str(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("has characters that a header cannot carry".to_owned()),
    }
}

pub(super) fn check_token(text: &str) -> Result<(), String> {
    // Secrets of aria2 may have spaces; at its ends a header would lose them.
    let is_carried = |b: u8| b.is_ascii_graphic() || b == b' ';
    if text.bytes().all(is_carried) && text.trim() == text {
        return Ok(());
    }
    Err(
        "a token travels in headers and URLs, so it has no letters beyond ASCII and no spaces at its ends"
            .to_owned(),
    )
}

pub(super) fn check_filter(text: &str) -> Result<(), String> {
    // A misspelt level alone would be taken for a target's name, and nothing would be logged.
    let word = !text.contains(['=', ',', '[']);
    let level = ["off", "error", "warn", "info", "debug", "trace"]
        .contains(&text.to_ascii_lowercase().as_str());
    if word && !level {
        return Err("not a level".to_owned());
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(()),
        Err(cause) => Err(cause.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_not_a_filter() {
        assert!(check_filter("inof").is_err());
        assert!(check_filter("haul_engine=debug,warn").is_ok());
    }

    #[test]
    fn hosts_are_names_or_addresses_without_a_port() {
        for right in [
            "localhost",
            "0.0.0.0",
            "::",
            "::1",
            "[::1]",
            "box.example.org",
        ] {
            assert!(check_host(right).is_ok(), "{right}");
        }
        for wrong in ["localhost:80", "http://x", "a b", "a/b"] {
            assert!(check_host(wrong).is_err(), "{wrong}");
        }
    }
}
