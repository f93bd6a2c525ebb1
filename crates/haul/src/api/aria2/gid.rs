//! From the text of a gid to a download: 16 hex digits, or the first ones of them when no other
//! download begins with them.

use std::sync::Arc;

use haul_engine::{Id, Live, View};

use super::envelope::Failure;

/// The download that a client means.
pub(super) fn find(text: &str, live: &Live) -> Result<Arc<View>, Failure> {
    let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if text.is_empty() || text.len() > 16 || !is_hex {
        return Err(Failure::Refused(format!("Invalid GID {text}")));
    }
    let missing = || Failure::Refused(format!("GID {text} is not found"));
    if text.len() == 16 {
        let id = text.parse::<Id>().ok();
        return id.and_then(|id| live.get(id)).ok_or_else(missing);
    }
    let begins = text.to_ascii_lowercase();
    let (_, mut found, _) = live.snapshot(|view| view.id.to_string().starts_with(&begins));
    match found.len() {
        0 => Err(missing()),
        1 => Ok(found.remove(0)),
        _ => Err(Failure::Refused(format!("GID {text} is not unique"))),
    }
}

/// The id in the option `gid`: all of it, and not 0.
pub(super) fn chosen(text: &str) -> Option<Id> {
    text.parse::<Id>().ok().filter(|id| id.0 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::download::tests::sample;

    fn found(text: &str, ids: &[u64]) -> Result<Id, String> {
        let live = Live::new();
        for id in ids {
            live.put(View {
                id: Id(*id),
                ..sample()
            });
        }
        find(text, &live)
            .map(|view| view.id)
            .map_err(|failure| match failure {
                Failure::Refused(why) => why,
                other => panic!("{other:?}"),
            })
    }

    #[test]
    fn a_unique_beginning_is_enough() {
        let ids = [0xabc0_0000_0000_0001, 0xabd0_0000_0000_0001];
        assert_eq!(found("abc", &ids), Ok(Id(ids[0])));
        assert_eq!(found("ABD", &ids), Ok(Id(ids[1])));
        assert_eq!(found("abc0000000000001", &ids), Ok(Id(ids[0])));
        assert_eq!(found("ab", &ids), Err("GID ab is not unique".into()));
        assert_eq!(found("c", &ids), Err("GID c is not found".into()));
        let whole = "abc0000000000002";
        assert_eq!(found(whole, &ids), Err(format!("GID {whole} is not found")));
    }

    #[test]
    fn what_is_no_hex_number_is_invalid() {
        for text in ["", "zz", "+1", "invalid gid", "abc00000000000010"] {
            assert_eq!(found(text, &[1]), Err(format!("Invalid GID {text}")));
        }
    }

    #[test]
    fn a_chosen_gid_is_complete_and_not_0() {
        assert_eq!(chosen("0000000000000001"), Some(Id(1)));
        for text in ["", "1", "0000000000000000", "000000000000000g"] {
            assert_eq!(chosen(text), None, "{text}");
        }
    }
}
