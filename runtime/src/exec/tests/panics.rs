//! Tasks that fail.

use tokio::sync::mpsc;

use super::super::control::Event;
use super::super::inbox::{CHANNEL_BYTES, Inbox, Message, Received, torn_down};
use super::super::task::guarded;
use crate::batch::Batch;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::ChangeBatch;

#[test]
fn a_panic_becomes_an_error_of_the_job() {
    let (events, mut inbox) = mpsc::unbounded_channel();
    guarded(&events, "task j-3", || panic!("boom {}", 7));
    let Some(Event::Failed(error)) = inbox.blocking_recv() else { panic!("no failure arrived") };
    assert!(error.to_string().contains("task j-3: a task panicked: boom 7"), "{error}");
    guarded(&events, "task j-4", || Err(torn_down()));
    drop(events);
    assert!(inbox.blocking_recv().is_none(), "a follow-up error is not news");
}

fn batch(rows: i64) -> Batch {
    let column = Arc::new(arrow_array::Int64Array::from_iter_values(0..rows)) as arrow_array::ArrayRef;
    Batch::new(ChangeBatch::append(arrow_array::RecordBatch::try_from_iter([("a", column)]).unwrap()))
}

#[test]
fn a_held_channel_holds_back_nobody_else() {
    let inbox = Inbox::new(2);
    inbox.send(0, Message::Batch(Box::new(batch(1)))).unwrap();
    inbox.send(1, Message::Batch(Box::new(batch(2)))).unwrap();
    inbox.hold(0);
    let Received::Message(1, _) = inbox.receive(Duration::ZERO) else { panic!("channel 1 was free") };
    let Received::Nothing = inbox.receive(Duration::ZERO) else { panic!("channel 0 is held") };
    inbox.release();
    let Received::Message(0, _) = inbox.receive(Duration::ZERO) else { panic!("channel 0 is free again") };
}

#[test]
fn a_full_channel_blocks_rows_but_no_barrier_and_closing_frees_it() {
    let inbox = Inbox::new(1);
    let large = batch(CHANNEL_BYTES as i64 / 8 + 1);
    inbox.send(0, Message::Batch(Box::new(large.clone()))).unwrap();
    inbox.send(0, Message::Watermark(3)).unwrap();
    let blocked = {
        let inbox = inbox.clone();
        std::thread::spawn(move || inbox.send(0, Message::Batch(Box::new(large))))
    };
    std::thread::sleep(Duration::from_millis(20));
    assert!(!blocked.is_finished());
    inbox.close();
    assert!(blocked.join().unwrap().is_err());
}
