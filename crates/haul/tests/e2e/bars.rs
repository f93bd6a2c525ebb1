//! The bars of `haul get` on a real terminal whose history, size and job control others use, too.

use haul_testkit::origin::Origin;

use crate::world::{HAUL, PROMPT, Tmux, World};

/// In the last line of the bars, and nowhere else.
const SUM: &str = "of 7 files done";

/// A shell of 80 columns and 24 rows, and beside it a list of seven files that come in slowly.
async fn shell(world: &World, origin: &Origin) -> Tmux {
    let home = world.subdir("home");
    let url = |n| origin.url(&format!("/{n}.bin?size=64M&seed={n}&rate=64K"));
    let list: String = (0..7).map(|n| format!("{}\n", url(n))).collect();
    std::fs::write(home.join("list"), list).expect("a file");
    Tmux::start(&home, 80, 24).await
}

/// Waits until the bars have been drawn some more times.
async fn drawn_again(tmux: &Tmux) {
    for _ in 0..5 {
        let before = tmux.screen().await;
        tmux.until("it to move on", |screen| screen != before).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_that_begin_in_the_first_row_leave_no_copies_in_the_history() {
    let (world, origin) = (World::new(), Origin::start().await);
    let tmux = shell(&world, &origin).await;
    tmux.type_line(&format!("clear; {HAUL} get -i list --max-downloads 7"))
        .await;
    let at_top = |screen: &str| screen.starts_with(['↓', '?']) && screen.contains("iB/s");
    tmux.until("bars", at_top).await;
    drawn_again(&tmux).await;
    let copies = async || tmux.scrolled().await.matches(SUM).count();
    assert_eq!(copies().await, 1, "{}", tmux.scrolled().await);
    tmux.resize(40, 12).await;
    let fits = |screen: &str| at_top(screen) && screen.matches(".bin").count() == 7;
    tmux.until("bars that fit", fits).await;
    drawn_again(&tmux).await;
    assert_eq!(copies().await, 1, "{}", tmux.scrolled().await);
    tmux.press(&["C-c"]).await;
    tmux.until("a prompt", |screen| screen.trim_end().ends_with(PROMPT))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_that_were_stopped_go_on_below_what_the_shell_wrote_meanwhile() {
    let (world, origin) = (World::new(), Origin::start().await);
    let tmux = shell(&world, &origin).await;
    tmux.type_line(&format!(
        "clear; echo before; {HAUL} get -i list --max-downloads 7"
    ))
    .await;
    let moves = |screen: &str| screen.contains("iB/s") && screen.contains(SUM);
    tmux.until("bars", moves).await;
    for round in ["first", "second"] {
        tmux.press(&["C-z"]).await;
        let screen = tmux
            .until("a prompt", |screen| {
                screen.trim_end().ends_with(PROMPT) && screen.contains("Stopped")
            })
            .await;
        assert!(!screen.contains(SUM), "the bars are gone: {screen}");
        tmux.type_line(&format!("clear; echo before; echo {round}; fg"))
            .await;
        let screen = tmux.until("bars again", moves).await;
        let lines: Vec<&str> = screen.lines().take(2).collect();
        assert_eq!(lines, ["before", round], "{screen}");
        drawn_again(&tmux).await;
        let screen = tmux.screen().await;
        let lines: Vec<&str> = screen.lines().take(2).collect();
        assert_eq!(lines, ["before", round], "{screen}");
        assert_eq!(screen.matches(SUM).count(), 1, "{screen}");
    }
    tmux.press(&["C-c"]).await;
    let screen = tmux
        .until("a prompt", |screen| screen.trim_end().ends_with(PROMPT))
        .await;
    assert!(screen.starts_with("before"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_get_that_can_keep_nothing_says_so_and_how_much_came() {
    let (world, origin) = (World::new(), Origin::start().await);
    let tmux = shell(&world, &origin).await;
    let url = origin.url("/stream.bin?size=64M&seed=1&rate=256K&chunked&ranges=no");
    tmux.type_line(&format!("clear; {HAUL} get '{url}'; echo ended: $?"))
        .await;
    tmux.until("bytes", |screen| screen.contains("KiB/s")).await;
    tmux.press(&["C-c"]).await;
    let screen = tmux
        .until("its end", |screen| screen.contains("ended: 130"))
        .await;
    assert!(
        screen.contains("interrupted: nothing could be kept"),
        "{screen}"
    );
    let sum = screen
        .lines()
        .find(|line| line.starts_with("0 of 1 file, "));
    assert!(
        sum.is_some_and(|line| !line.contains(", 0 B in")),
        "{screen}"
    );
}
