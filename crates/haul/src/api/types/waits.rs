//! What a download waits for, as JSON: a name and its figures. The sentence stands beside it, in `reason`.

use haul_engine::Kind;
use haul_engine::event::Cause;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::schema::described;

/// What a download waits for.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Waits {
    /// What for, as a stable name; that of the error when a try has failed.
    code: CauseName,
    /// Until the next try.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    /// What the server answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Connections that the host gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<u16>,
    /// Connections that it may give.
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<usize>,
}

impl Waits {
    pub(super) fn of(cause: Cause) -> Waits {
        let (seconds, status) = match cause {
            Cause::AskedToWait { seconds, status } => (Some(seconds), status),
            Cause::Failed {
                seconds, status, ..
            } => (Some(seconds), status),
            Cause::NoNetwork { seconds } => (Some(seconds), None),
            _ => (None, None),
        };
        let (active, most) = match cause {
            Cause::Connections { active, most } => (Some(active), Some(most)),
            _ => (None, None),
        };
        Waits {
            code: CauseName(cause),
            seconds,
            status,
            active,
            most,
        }
    }
}

struct CauseName(Cause);

impl Serialize for CauseName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.code())
    }
}

described! { CauseName, |_generator| {
    let kinds = Kind::ALL.map(Kind::code);
    let names: Vec<&str> = Cause::CODES.into_iter().chain(kinds).collect();
    json!({"type": "string", "enum": names})
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_with_its_figures_and_no_others() {
        let busy = Cause::Failed {
            kind: Kind::Busy,
            status: Some(503),
            seconds: 4,
        };
        let asked = Cause::AskedToWait {
            seconds: 30,
            status: Some(429),
        };
        let connections = Cause::Connections { active: 2, most: 4 };
        for (cause, shown) in [
            (busy, json!({"code": "busy", "seconds": 4, "status": 503})),
            (
                asked,
                json!({"code": "asked_to_wait", "seconds": 30, "status": 429}),
            ),
            (
                Cause::NoNetwork { seconds: 9 },
                json!({"code": "no_network", "seconds": 9}),
            ),
            (
                connections,
                json!({"code": "connections", "active": 2, "most": 4}),
            ),
            (Cause::DiskSpace, json!({"code": "disk_space"})),
            (Cause::Checking, json!({"code": "checking"})),
            (Cause::Sources, json!({"code": "sources"})),
        ] {
            let told = serde_json::to_value(Waits::of(cause)).expect("JSON");
            assert_eq!(told, shown);
            let codes = Cause::CODES.into_iter().chain(Kind::ALL.map(Kind::code));
            assert!(codes.into_iter().any(|code| shown["code"] == code));
        }
    }
}
