//! The forms of values that speak of the web: a proxy, request headers, origins. Knows no keys.

use serde_json::{Value as Json, json};
use url::{ParseError, Url};

use super::form::{Form, MASK, only};
use crate::api::is_own_header;

/// Why a text is no URL, for those who do not know that URLs can be relative.
pub(crate) fn no_url(cause: ParseError) -> String {
    match cause {
        ParseError::RelativeUrlWithoutBase => "the scheme is missing".to_owned(),
        other => other.to_string(),
    }
}

/// The address of a proxy.
pub(crate) struct Proxy;

impl Form for Proxy {
    type Value = Url;

    fn read(&self, texts: &[String]) -> Result<Url, String> {
        let url = Url::parse(only(texts)).map_err(no_url)?;
        if !matches!(url.scheme(), "http" | "socks5") {
            return Err(format!(
                "haul does not speak \"{}\" to proxies",
                url.scheme()
            ));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the host is missing".to_owned());
        }
        Ok(url)
    }

    fn show(&self, value: &Url) -> String {
        let mut shown = value.clone();
        if shown.password().is_some() {
            // It fails only for URLs that cannot have a password, and this one has one.
            let _ = shown.set_password(Some(MASK));
        }
        shown.to_string()
    }

    fn masked(&self, text: &str) -> String {
        // It may be no URL at all, so everything that can be user information counts as such.
        let Some((before, host)) = text.rsplit_once('@') else {
            return text.to_owned();
        };
        match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{MASK}@{host}"),
            None => format!("{MASK}@{host}"),
        }
    }

    fn allowed(&self) -> String {
        "http://[USER:PASSWORD@]HOST:PORT, socks5://[USER:PASSWORD@]HOST:PORT".to_owned()
    }
}

/// Request headers, `Name: value` each.
pub(crate) struct Headers;

impl Form for Headers {
    type Value = Vec<(String, String)>;

    // Commas and semicolons occur inside header values; line ends cannot.
    const SEPARATOR: Option<char> = Some('\n');

    fn read(&self, texts: &[String]) -> Result<Self::Value, String> {
        texts.iter().map(|text| free_header(text)).collect()
    }

    fn show(&self, value: &Self::Value) -> String {
        let names: Vec<String> = value
            .iter()
            .map(|(name, _)| format!("{name}: {MASK}"))
            .collect();
        names.join(", ")
    }

    fn masked(&self, text: &str) -> String {
        // Where the colon was forgotten, what follows the first word is most likely the value.
        let end = text.find([':', ' ', '\t', '=']);
        let Some((name, value)) = end.and_then(|end| text.split_at_checked(end + 1)) else {
            return text.to_owned();
        };
        match value.trim() {
            "" => text.to_owned(),
            _ => format!("{} {MASK}", name.trim_end()),
        }
    }

    fn allowed(&self) -> String {
        "Name: value".to_owned()
    }

    fn json(&self, value: &Self::Value) -> Json {
        let masked = value.iter().map(|(name, _)| (name.clone(), json!(MASK)));
        Json::Object(masked.collect())
    }
}

/// Reads one `Name: value`.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("the colon after the header's name is missing".to_owned());
    };
    let (name, value) = (name.trim(), value.trim());
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(format!("\"{name}\" is not a header's name"));
    }
    if http::HeaderValue::from_str(value).is_err() {
        return Err(format!(
            "the value of {name} has characters that a header cannot carry"
        ));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads one `Name: value` that a user asks for: none of those that haul sets itself.
pub(crate) fn free_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = header(text)?;
    if is_own_header(&name) {
        return Err(format!("{name} is set by haul itself; leave it out"));
    }
    Ok((name, value))
}

/// Origins of web pages.
pub(crate) struct Origins;

impl Form for Origins {
    type Value = Vec<String>;

    const SEPARATOR: Option<char> = Some(',');

    fn read(&self, texts: &[String]) -> Result<Self::Value, String> {
        texts.iter().map(|text| origin(text.trim())).collect()
    }

    fn show(&self, value: &Self::Value) -> String {
        value.join(", ")
    }

    fn allowed(&self) -> String {
        "SCHEME://HOST[:PORT], separated by commas".to_owned()
    }

    fn json(&self, value: &Self::Value) -> Json {
        json!(value)
    }
}

/// An origin as browsers send it (RFC 6454 §6.2).
fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|cause| format!("\"{text}\": {}", no_url(cause)))?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare || url.host_str().is_none() {
        return Err(format!("\"{text}\" is more or less than an origin"));
    }
    // Browser extensions have schemes of their own, whose origins the URL standard calls opaque.
    if !url.origin().is_tuple() {
        return Ok(text.trim_end_matches('/').to_ascii_lowercase());
    }
    Ok(url.origin().ascii_serialization())
}
