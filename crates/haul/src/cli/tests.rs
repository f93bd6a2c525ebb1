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
        for flag in command.get_arguments().filter_map(Arg::get_long) {
            assert!(
                page.contains(&format!("--{flag}")),
                "{} --{flag}",
                command.get_name()
            );
        }
        if command.get_name() != "ls" && command.get_name() != "help" {
            assert!(page.contains("Examples:"), "{}", command.get_name());
        }
    }
    assert!(super::manual::page(Some("nosuch")).is_err());
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
