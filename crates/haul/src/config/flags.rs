//! The table of keys as command-line flags. It only notes which were given; `load` reads them.

use std::marker::PhantomData;
use std::path::PathBuf;

use clap::builder::StringValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::keys::{Group, KEYS, Key};
use super::offering::Offering;

/// Which keys a command reads.
pub(crate) trait Audience {
    fn reads(key: &Key) -> bool;
}

/// `haul serve` reads every key.
#[derive(Debug, Clone)]
pub(crate) struct Serve;

impl Audience for Serve {
    fn reads(_: &Key) -> bool {
        true
    }
}

/// `haul get` has no server, and its own `-d`.
#[derive(Debug, Clone)]
pub(crate) struct Get;

impl Audience for Get {
    fn reads(key: &Key) -> bool {
        matches!(key.about.group, Group::Transfers | Group::Log)
    }
}

/// The flags of the table that were given.
#[derive(Clone)]
pub(crate) struct Flags<A> {
    pub(crate) given: Vec<(&'static Key, Vec<String>)>,
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    audience: PhantomData<A>,
}

const FILE: &str = "config";

impl<A: Audience> Args for Flags<A> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help_heading("Configuration")
            .help("Read the configuration from FILE, not from ./haul.toml or the user's one");
        KEYS.iter()
            .filter(|key| A::reads(key))
            .fold(command.arg(file), |command, key| command.arg(flag(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::<A>::augment_args(command)
    }
}

fn flag(key: &'static Key) -> Arg {
    let action = match key.separator {
        Some(_) => ArgAction::Append,
        None => ArgAction::Set,
    };
    let mut flag = Arg::new(key.name)
        .long(key.about.flag)
        .value_name(key.about.placeholder)
        .action(action)
        .allow_hyphen_values(true)
        .help_heading(key.about.group.heading())
        .help(help(key));
    let words = (key.words)();
    if !words.is_empty() {
        // What is wrong is told by whoever reads all layers; the help tells the words already.
        flag = flag
            .value_parser(Offering::new(StringValueParser::new(), words))
            .hide_possible_values(true);
    }
    if let Some(short) = key.about.short {
        flag = flag.short(short);
    }
    if let Some(alias) = key.about.alias {
        flag = flag.visible_alias(alias);
    }
    flag
}

fn help(key: &Key) -> String {
    let mut help = key.help().to_owned();
    if key.narrow {
        help.push_str(&format!(" [allowed: {}]", key.allowed()));
    }
    if !key.default().is_empty() {
        help.push_str(&format!(" [default: {}]", key.default()));
    }
    help.push_str(&format!(" [env: {}]", key.variable()));
    help
}

impl<A: Audience> FromArgMatches for Flags<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags<A>, clap::Error> {
        let on_line = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let given = KEYS
            .iter()
            .filter(|key| A::reads(key) && on_line(key.name))
            .filter_map(|key| {
                let texts = matches.get_many::<String>(key.name)?;
                Some((key, texts.cloned().collect()))
            })
            .collect();
        Ok(Flags {
            given,
            file: matches.get_one::<PathBuf>(FILE).cloned(),
            audience: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}
