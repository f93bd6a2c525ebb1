//! The words of haul in its languages, one file each, for the console and the page alike. Knows no phrase.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::api::Lang;

/// The messages of one language.
type Words = FluentBundle<FluentResource>;

static RUSSIAN: LazyLock<Words> = LazyLock::new(|| words("ru", include_str!("text/ru.ftl")));
static ENGLISH: LazyLock<Words> = LazyLock::new(|| words("en", include_str!("text/en.ftl")));

fn words(code: &str, text: &str) -> Words {
    let lang: LanguageIdentifier = code.parse().expect("a constant language code");
    let resource =
        FluentResource::try_new(text.to_owned()).expect("the embedded text is well-formed");
    let mut words = FluentBundle::new_concurrent(vec![lang]);
    // Marks around values would be bytes that no client of the original expects.
    words.set_use_isolating(false);
    words
        .add_resource(resource)
        .expect("the embedded text names each message once");
    words
}

/// The message with this name. A test says every one in every language.
///
/// # Panics
/// When there is none.
pub(crate) fn say(lang: Lang, name: &str, values: &FluentArgs<'_>) -> String {
    let words = match lang {
        Lang::Ru => &*RUSSIAN,
        Lang::En => &*ENGLISH,
    };
    let pattern = words
        .get_message(name)
        .and_then(|message| message.value())
        .unwrap_or_else(|| panic!("there is no message \"{name}\" in {lang:?}"));
    let mut errors = Vec::new();
    words
        .format_pattern(pattern, Some(values), &mut errors)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    /// Each message with the values that it speaks of.
    fn messages(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut messages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut current = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =")
                && !line.starts_with(' ')
            {
                current = name;
                messages.entry(name).or_default();
            }
            let values = line.split('$').skip(1);
            let values = values.filter_map(|rest| rest.split([' ', '}']).next());
            messages.entry(current).or_default().extend(values);
        }
        messages
    }

    #[test]
    fn both_languages_say_the_same_of_the_same_values() {
        let english = messages(include_str!("text/en.ftl"));
        let russian = messages(include_str!("text/ru.ftl"));
        assert!(english.len() > 30);
        assert_eq!(english, russian);
    }

    #[test]
    fn both_languages_are_well_formed() {
        for lang in [crate::api::Lang::En, crate::api::Lang::Ru] {
            let said = super::say(lang, "console-empty", &fluent_bundle::FluentArgs::new());
            assert!(!said.is_empty());
        }
    }
}
