//! What a real browser lets pages do to a daemon, its own page among them, and what AriaNg does with one.
//! Chromium is what
//! `HAUL_TEST_CHROMIUM` names, else `chromium` on the path; without one these tests are skipped and say
//! so, unless `CI` is set. AriaNg's need its built page besides, which `cargo xtask ariang` is told of.
#![expect(
    clippy::print_stderr,
    reason = "whoever runs the tests has to see why some are skipped"
)]

mod ariang;
mod chromium;
mod hand;
mod page;
mod pictures;
mod proxied;
mod site;
mod strangers;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use chromium::{Chromium, Tab};

/// A test with a tab of its own.
type Play = fn(Tab) -> futures_util::future::BoxFuture<'static, ()>;

/// Names a test by its function and where that is.
macro_rules! plays {
    ($($room:ident::$name:ident),* $(,)?) => {
        [$((concat!(stringify!($room), "::", stringify!($name)), (|tab| Box::pin($room::$name(tab))) as Play)),*]
    };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let plays = plays![
        strangers::a_page_of_another_site_reads_nothing,
        strangers::a_page_of_another_site_commands_nothing,
        strangers::a_page_on_another_port_of_the_same_host_reads_and_commands_nothing,
        strangers::a_name_rebound_to_the_daemon_reaches_nothing,
        strangers::an_allowed_page_reads_commands_and_watches,
        strangers::a_token_in_an_address_becomes_a_cookie_that_no_script_sees,
        page::a_download_is_added_and_watched_to_its_end,
        page::a_paste_of_many_adds_them_and_what_is_refused_stays_with_its_reason,
        page::options_reach_the_daemon,
        page::what_comes_while_others_are_added_stays_and_gets_no_option_of_theirs,
        page::what_is_wrong_with_an_option_is_shown_and_nothing_is_added,
        page::words_dropped_into_a_field_stay_the_browsers_own,
        page::what_has_left_the_list_is_not_resumed_unseen,
        page::what_leaves_the_list_is_no_longer_chosen_and_nothing_is_done_to_it,
        page::single_characters_are_no_keys_once_they_are_switched_off,
        page::a_wait_a_cause_and_a_failure_are_told_in_the_language_of_the_page,
        page::a_running_download_is_paused_and_resumed_by_key_and_by_button,
        page::a_failure_is_shown_in_plain_words_with_what_to_do,
        page::details_show_threads_blocks_and_facts_while_they_move,
        page::a_change_counts_from_what_the_download_has_now,
        page::the_queue_is_reordered_by_keys_and_by_hand,
        page::nothing_is_removed_by_one_slip_and_a_file_only_when_asked,
        page::a_limit_holds_and_is_shown,
        page::after_a_restart_of_the_daemon_the_page_comes_back_with_its_state,
        page::without_the_token_a_page_asks_for_it_and_with_it_all_works,
        page::ten_thousand_rows_scroll_without_a_stutter,
        page::the_row_that_is_scrolled_to_is_the_right_one_and_says_its_number,
        page::all_that_a_search_finds_is_removed_at_once,
        page::both_languages_are_spoken_and_switched_and_remembered,
        page::in_forced_colours_a_tick_and_a_bar_are_still_told,
        page::on_a_phone_nothing_is_cut_off_and_all_is_within_reach,
        page::nothing_keeps_out_who_cannot_see_or_point,
        page::on_a_phone_a_finger_chooses_rows_and_orders_the_queue,
        page::a_tap_beside_a_question_presses_nothing_below_it,
        page::where_the_details_cover_the_list_keys_mean_what_they_show,
        page::a_press_that_ends_on_another_row_than_it_began_does_nothing,
        page::a_row_is_chosen_by_a_checkbox_that_says_its_name,
        page::whatever_is_pressed_is_large_enough_for_a_finger,
        proxied::behind_the_proxy_of_the_documentation_our_own_page_works_and_no_other_does,
    ];
    let ariang_plays = plays![
        ariang::a_download_is_added_watched_limited_paused_and_resumed,
        ariang::the_queue_is_reordered_and_what_waits_or_runs_is_removed,
        ariang::a_failure_is_shown_tried_again_and_cleared,
        ariang::every_page_of_settings_opens_and_what_is_set_holds,
        ariang::over_http_with_a_secret_it_adds_and_a_wrong_one_is_said_to_be_wrong,
    ];
    let picture_plays = plays![pictures::the_page_at_work_in_each_theme_language_and_width];
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let runtime = Arc::new(runtime);
    let chromium = match Chromium::find() {
        _ if arguments.list => None,
        Some(program) => Some(Arc::new(runtime.block_on(Chromium::start(&program)))),
        None if std::env::var_os("CI").is_some() => {
            eprintln!("there is no Chromium, which CI has to have");
            return ExitCode::FAILURE;
        }
        None => {
            eprintln!("skipped, for there is no Chromium here: `apt-get install chromium`");
            None
        }
    };
    let has_ariang = ariang::find().is_some();
    if !has_ariang && !arguments.list {
        eprintln!(
            "AriaNg's tests are skipped, for HAUL_TEST_ARIANG is not set: `cargo xtask ariang`"
        );
    }
    let trial = |((name, play), is_wanted): ((&'static str, Play), bool)| {
        let (runtime, running) = (runtime.clone(), chromium.clone());
        let is_left_out = running.is_none() || !is_wanted;
        let run = move || {
            let chromium = running.ok_or_else(|| Failed::from("there is no Chromium"))?;
            let run = async move { play(chromium.tab().await).await };
            let played = std::panic::AssertUnwindSafe(|| runtime.block_on(run));
            std::panic::catch_unwind(played).map_err(|_| Failed::from("see above"))
        };
        Trial::test(name, run).with_ignored_flag(is_left_out)
    };
    let of_ariang = ariang_plays.into_iter().map(|play| (play, has_ariang));
    let of_pictures = picture_plays
        .into_iter()
        .map(|play| (play, pictures::are_wanted()));
    let plays = plays.into_iter().map(|play| (play, true));
    let trials = plays
        .chain(of_ariang)
        .chain(of_pictures)
        .map(trial)
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
