//! What the command line takes and what its help says.

use clap::{Arg, CommandFactory, Parser, ValueEnum};
use clap_complete::Shell;

use super::Cli;

#[test]
fn no_two_flags_or_names_collide() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_sentence_and_every_flag_a_help() {
    for command in Cli::command().get_subcommands() {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for flag in command.get_arguments() {
            assert!(
                flag.get_help().is_some(),
                "{} {}",
                command.get_name(),
                flag.get_id()
            );
        }
    }
}

#[test]
fn every_help_fits_a_terminal_of_80_columns() {
    let mut whole = Cli::command();
    whole.build();
    let mut commands: Vec<clap::Command> = whole.get_subcommands().cloned().collect();
    commands.push(whole);
    for mut command in commands {
        let helps = [command.render_help(), command.render_long_help()];
        for line in helps.iter().flat_map(|help| {
            help.to_string()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        }) {
            assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
        }
    }
}

#[test]
fn what_people_type_is_understood() {
    for line in [
        "haul get http://h/a",
        "haul get -o n -d /tmp --threads 4 --block-size 1M --limit 2M -H A:b --accept-html http://h/a",
        "haul get -i - --on-conflict skip --json -q",
        "haul serve --port 0 --dir x --token t -v",
        "haul add http://h/a http://h/b --paused --priority -3",
        "haul ls --status queued,paused --json",
        "haul pause --all",
        "haul rm 9f1c 9f1d --files",
        "haul rm --all --status completed",
        "haul move 9f1c 0",
        "haul limit",
        "haul limit --id 9f1c 500K",
        "haul console --lang en --server https://box",
        "haul config --threads 3 --json",
    ] {
        if let Err(error) = Cli::try_parse_from(line.split(' ')) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    for line in [
        "haul get",
        "haul get -i list -o name",
        "haul get -q -v http://h/a",
        "haul get --port 1 http://h/a",
        "haul pause",
        "haul pause 9f1c --all",
        "haul pause 9f1c --status queued",
        "haul ls --status asleep",
        "haul limit fast",
        "haul add --threads 257 http://h/a",
        "haul fetch http://h/a",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).err();
        assert_eq!(
            error
                .unwrap_or_else(|| panic!("{line} is taken"))
                .exit_code(),
            2,
            "{line}"
        );
    }
}

#[test]
fn help_of_the_whole() {
    insta::assert_snapshot!(help(&[]));
}

#[test]
fn help_of_get() {
    insta::assert_snapshot!(help(&["get"]));
}

#[test]
fn help_of_serve() {
    insta::assert_snapshot!(help(&["serve"]));
}

#[test]
fn help_of_add() {
    insta::assert_snapshot!(help(&["add"]));
}

fn help(path: &[&str]) -> String {
    let mut command = Cli::command();
    command.build();
    let mut command = &mut command;
    for name in path {
        command = command.find_subcommand_mut(name).expect("a command");
    }
    command.render_help().to_string()
}

#[test]
fn every_command_has_a_manual_page_with_its_flags_and_its_examples() {
    let whole = Cli::command();
    for command in whole.get_subcommands() {
        let page = super::manual::page(Some(command.get_name())).expect("a page");
        let page = String::from_utf8(page).expect("text").replace("\\-", "-");
        let fields = format!(
            ".TH haul-{} 1 \"\" \"haul {}\" haul",
            command.get_name(),
            env!("CARGO_PKG_VERSION")
        );
        assert!(page.contains(&fields), "{fields} is not in {page}");
        let uses = format!("\\fBhaul {}\\fR", command.get_name());
        assert!(page.contains(&uses), "{uses} is not in {page}");
        for flag in command.get_arguments().filter_map(Arg::get_long) {
            assert!(
                page.contains(&format!("--{flag}")),
                "{} --{flag}",
                command.get_name()
            );
        }
    }
    assert!(super::manual::page(Some("nosuch")).is_err());
}

#[test]
fn every_example_stands_in_its_manual_page_letter_by_letter_on_a_line_of_its_own() {
    let whole = Cli::command();
    let mut commands: Vec<&clap::Command> = whole.get_subcommands().collect();
    commands.push(&whole);
    for command in commands {
        let name = Some(command.get_name()).filter(|name| *name != "haul");
        let page = super::manual::page(name).expect("a page");
        let page = String::from_utf8(page).expect("text");
        let kept = page
            .split_once(".SH EXAMPLES\n.nf\n")
            .and_then(|(_, rest)| rest.split_once("\n.fi\n"))
            .map(|(kept, _)| kept.lines().collect::<Vec<_>>())
            .unwrap_or_else(|| panic!("{name:?} has no examples"));
        let help = command.get_after_help().expect("examples").to_string();
        let examples = help.lines().filter(|line| line.starts_with("  "));
        let examples: Vec<String> = examples
            .map(|line| super::manual::literal(line.trim_start()))
            .collect();
        assert_eq!(kept, examples, "{name:?}");
    }
    let odd = r".x 'y' ~/z-1 `a\n`";
    assert_eq!(
        super::manual::literal(odd),
        r"\&.x \(aqy\(aq \(ti/z\-1 \(gaa\(rsn\(ga"
    );
}

#[test]
fn shells_complete_the_words_that_are_known() {
    let script = super::manual::script(Shell::Bash);
    let script = String::from_utf8(script).expect("text");
    for words in [
        "queued probing downloading paused verifying delivering completed failed cancelled",
        "text json",
        "any public",
        "any one",
        "ru en",
    ] {
        let offered = format!("compgen -W \"{words}\"");
        assert!(script.contains(&offered), "{offered}");
    }
    let man = script
        .split_once("haul__subcmd__man)")
        .expect("it is there")
        .1;
    let man = man.split_once(";;").expect("it ends").0;
    assert!(man.contains(" get serve add ls "), "{man}");
}

#[test]
fn what_is_wrong_is_told_with_what_is_allowed() {
    for (line, told) in [
        ("haul add --threads 999 http://h/a", "allowed: 1–256"),
        ("haul add --block-size 1 http://h/a", "allowed: 16K–16G"),
        ("haul add --limit 99999T http://h/a", "allowed: 0–1T"),
        ("haul limit 99999T", "allowed: 0–1T"),
        ("haul add --priority x http://h/a", "give a whole number"),
        ("haul move 9f1c x", "0 starts next"),
        ("haul demo --port x", "from 0 to 65535"),
        ("haul pause", "<ID|--all>"),
        ("haul add", "<URL|--input <FILE>>"),
    ] {
        let error = Cli::try_parse_from(line.split(' ')).err();
        let error = error.unwrap_or_else(|| panic!("{line} is taken"));
        assert!(error.to_string().contains(told), "{line}: {error}");
    }
}

#[test]
fn no_value_s_help_ends_the_string_that_fish_finds_it_in() {
    for command in Cli::command().get_subcommands() {
        let values = command.get_arguments().flat_map(Arg::get_possible_values);
        let helps = values.filter_map(|value| value.get_help().map(ToString::to_string));
        for help in helps {
            assert!(!help.contains('"'), "{}: {help}", command.get_name());
        }
    }
}

#[test]
fn every_shell_completes_every_command() {
    for shell in Shell::value_variants() {
        let script = super::manual::script(*shell);
        let script = String::from_utf8(script).expect("text");
        for command in Cli::command().get_subcommands() {
            assert!(
                script.contains(command.get_name()),
                "{shell}: {}",
                command.get_name()
            );
        }
    }
}
