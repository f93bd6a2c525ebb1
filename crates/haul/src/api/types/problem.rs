//! Errors and rejected URLs on the wire.

use serde::{Serialize, Serializer};

use crate::api::command::Rejected;

/// A problem of RFC 9457, with our stable `code`.
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "rejected")]
    rejected: &'a [Rejected],
}

impl<'a> Problem<'a> {
    pub(crate) fn new(
        status: u16,
        title: &'a str,
        code: &'static str,
        detail: &'a str,
        rejected: &'a [Rejected],
    ) -> Problem<'a> {
        Problem {
            // No page describes single problems: RFC 9457 §4.2.1.
            r#type: "about:blank",
            title,
            status,
            detail,
            code,
            rejected,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        super::answer::to_json(self)
    }
}

#[derive(Serialize)]
struct RejectedUrl<'a> {
    url: &'a str,
    code: &'static str,
    detail: &'a str,
}

/// The URLs that were not added, each with its reason.
pub(super) fn rejected<S: Serializer>(
    rejected: &[Rejected],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rejected.iter().map(|rejected| RejectedUrl {
        url: &rejected.url,
        code: rejected.error.kind.code(),
        detail: &rejected.error.detail,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use haul_engine::{Error, Kind};

    #[test]
    fn a_problem_has_the_members_of_the_contract() {
        let plain = Problem::new(404, "Not Found", "no_such_download", "there is none", &[]);
        assert_eq!(
            plain.to_json(),
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"there is none","code":"no_such_download"}"#
        );
        let rejected = [Rejected {
            url: "x".into(),
            error: Error::new(Kind::InvalidUrl, "no URL"),
        }];
        let all = Problem::new(
            422,
            "Unprocessable Entity",
            "all_rejected",
            "none",
            &rejected,
        );
        assert!(
            all.to_json()
                .ends_with(r#""rejected":[{"url":"x","code":"invalid_url","detail":"no URL"}]}"#)
        );
    }
}
