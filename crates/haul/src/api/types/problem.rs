//! Errors and rejected URLs on the wire.

use haul_engine::Kind;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::schema::described;
use crate::api::command::Rejected;

/// A problem of RFC 9457, with our stable `code`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Problem<'a> {
    /// Always `about:blank`: `code` tells problems apart.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong and, where there is something, what helps; for a human.
    detail: &'a str,
    /// Why, as a stable name.
    code: &'static str,
    /// With `all_rejected`: the URLs, each with its reason.
    #[serde(skip_serializing_if = "RejectedUrls::is_empty")]
    rejected: RejectedUrls<'a>,
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
            rejected: RejectedUrls(rejected),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        super::answer::to_json(self)
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Rejected")]
struct RejectedUrl<'a> {
    /// As it was given.
    url: &'a str,
    /// Why, as a stable name.
    code: KindName,
    /// Why, for a human.
    detail: &'a str,
}

/// The URLs that were not added, each with its reason.
pub(super) struct RejectedUrls<'a>(pub(super) &'a [Rejected]);

impl RejectedUrls<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for RejectedUrls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|rejected| RejectedUrl {
            url: &rejected.url,
            code: KindName(rejected.error.kind),
            detail: &rejected.error.detail,
        }))
    }
}

described! { RejectedUrls<'_>, |generator| {
    let item = generator.subschema_for::<RejectedUrl>();
    json!({"type": "array", "items": item})
} }

/// What went wrong with a download or a URL, as its stable name.
pub(super) struct KindName(pub(super) Kind);

impl Serialize for KindName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.code())
    }
}

described! { KindName, |_generator| json!({"type": "string", "enum": Kind::ALL.map(Kind::code)}) }

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
