//! Which language a browser would like. Pure: reads one header (RFC 9110 §12.5.4).

use http::{HeaderMap, header};

use crate::api::Lang;

/// The one that we speak and that is liked best; English when none is.
pub(super) fn preferred(headers: &HeaderMap) -> Lang {
    let wishes = headers.get(header::ACCEPT_LANGUAGE);
    let wishes = wishes.and_then(|wishes| wishes.to_str().ok());
    let mut best = (0, Lang::En);
    for wish in wishes.unwrap_or_default().split(',') {
        let mut parts = wish.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let primary = tag.split('-').next().unwrap_or_default();
        let Some(lang) = Lang::from_code(&primary.to_ascii_lowercase()) else {
            continue;
        };
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let quality = quality.map_or(1000, thousandths);
        if quality > best.0 {
            best = (quality, lang);
        }
    }
    best.1
}

/// `0.8` as 800; what is not readable is not wanted.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = format!("{fraction}000").chars().take(3).collect();
    match (whole.parse::<u32>(), digits.parse::<u32>()) {
        (Ok(whole), Ok(fraction)) => (whole.min(1) * 1000 + fraction).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_language_that_is_liked_best_and_spoken_here_wins() {
        for (wishes, lang) in [
            ("ru", Lang::Ru),
            ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", Lang::Ru),
            ("en-US,en;q=0.9,ru;q=0.8", Lang::En),
            ("de,ru;q=0.5,en;q=0.4", Lang::Ru),
            ("de-DE,de;q=0.9", Lang::En),
            ("en;q=0.2, RU;q=0.25", Lang::Ru),
            ("ru;q=0, en;q=0.1", Lang::En),
            ("ru;q=0", Lang::En),
            ("ru;q=nonsense", Lang::En),
            ("russian", Lang::En),
            ("*", Lang::En),
            ("", Lang::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wishes));
            assert_eq!(preferred(&headers), lang, "{wishes}");
        }
        assert_eq!(preferred(&HeaderMap::new()), Lang::En);
    }
}
