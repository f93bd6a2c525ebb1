//! What is embedded fits together: the pages and their head, the words and what the daemon can say.

use fluent_bundle::FluentArgs;
use haul_engine::Status;
use haul_engine::event::Cause;

use super::files::{DOOR, PAGE};
use super::template;
use crate::api::{CAUSES, Code, Lang};
use crate::text;

/// Says messages of this kind with these names, in both languages.
fn say_all<'a>(kind: &str, names: impl IntoIterator<Item = &'a str>) {
    for name in names {
        let message = format!("{kind}-{}", name.replace('_', "-"));
        for lang in [Lang::En, Lang::Ru] {
            let said = text::say(lang, &message, &FluentArgs::new());
            assert!(!said.is_empty(), "{message}");
        }
    }
}

#[test]
fn whatever_the_daemon_can_say_has_words_in_both_languages() {
    say_all("error", Code::all().map(Code::name));
    say_all("reason", Cause::CODES);
    say_all("why", CAUSES);
    say_all("status", Status::ALL.map(Status::name));
}

#[test]
fn both_pages_have_the_whole_head() {
    for page in [&PAGE, &DOOR] {
        let page = template(page, Lang::Ru);
        assert!(page.contains("<title>haul</title>") && page.contains("/page/style/base.css"));
        assert!(page.contains("<html lang=\"ru\"") && !page.contains("{head}"));
    }
}
