//! Fuzz target: whatever stands in an input file, it gives downloads that can be asked for, or an
//! error that names the line.

use http::{HeaderName, HeaderValue};

use haul_testkit::fuzz::text;

use super::*;

const LINES: &[&str] = &[
    "http://host/<n>\n",
    "http://host/<w>\thttps://mirror/<w>\n <w>\n",
    "http://host/a\n out=<w>\n dir=<w>\n",
    " header=<w>: <w>\n",
    " user-agent=<w>\n",
    " referer=<w>\n",
    " split=<n>\n",
    " threads=<n>\n",
    " max-download-limit=<n>M\n",
    " checksum=sha-256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
    " checksum=<w>=<w>\n",
    " pause=true\n",
    " allow-overwrite=<w>\n",
    " <w>=<w>\n",
    "# <w>\n",
    "../<w>",
    "<w>\t<w>",
    "\n",
    "=",
];

fn wanted() -> Wanted {
    Wanted {
        urls: Vec::new(),
        mirrors: Vec::new(),
        output: None,
        input: None,
        checksum: None,
        accept_html: false,
        on_conflict: Conflict::Rename,
    }
}

#[test]
fn input_file() {
    bolero::check!()
        .with_generator(text(LINES))
        .for_each(|text| {
            let specs = match wanted().list(Path::new("list"), text) {
                Ok((specs, _)) => specs,
                Err(failure) => return assert_names_a_line(&failure.message, text),
            };
            let urls = text.lines().filter(|line| line.contains("://")).count();
            assert!(specs.len() <= urls, "more downloads than URLs");
            for spec in specs {
                assert!(
                    spec.threads
                        .is_none_or(|threads| (1..=256).contains(&threads))
                );
                if let Some(name) = &spec.name {
                    assert!(!name.contains('/') && !matches!(name.as_str(), "" | "." | ".."));
                }
                for (name, value) in &spec.headers {
                    // One that cannot be sent would only fail when its turn has come.
                    assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name:?}");
                    assert!(HeaderValue::from_str(value).is_ok(), "{name}: {value:?}");
                }
            }
        });
}

fn assert_names_a_line(message: &str, text: &str) {
    let told = message.strip_prefix("list, line ");
    let line = told.and_then(|rest| rest.split(':').next()?.parse().ok());
    let lines = 1..=text.lines().count();
    assert!(line.is_some_and(|line| lines.contains(&line)), "{message}");
}
