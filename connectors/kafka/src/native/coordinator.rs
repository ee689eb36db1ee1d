//! Questions to the coordinator of a group.
//!
//! librdkafka 2.12 ends the process (`eonce->refcnt > 0`) when a coordinator comes up after a request that
//! waited for it has timed out inside: `rd_kafka_admin_coord_request` gives back the reference of a request
//! that is gone and says so by an error, for which `rd_kafka_coord_req_fsm` sends a failure whose handler
//! gives the same reference back again. Nothing takes a request that waits out of its client's list but the
//! coordinator and the end of the client; the latter fails each request once, waits for no coordinator, and
//! is safe before the time-out and after it.
//!
//! So no client lives to see both. Inside, a request has the longest time-out there is; outside, it is waited
//! for less long, and a client that owes an answer then is given up at once.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::bindings as c;
use rdkafka::consumer::BaseConsumer;
use tidegate_core::Result;

use super::ask::{Answer, Unheard, put};
use crate::client::Context;

/// The longest time-out that librdkafka takes.
const LONGEST: Duration = Duration::from_secs(3600);

type Make = dyn Fn() -> Result<BaseConsumer<Context>> + Send + Sync;

/// A client that may put questions to coordinators: made when it is first needed, and made anew after one
/// that was not answered.
pub struct Asker {
    make: Box<Make>,
    client: Mutex<Option<Arc<BaseConsumer<Context>>>>,
    /// How long a request may wait inside librdkafka.
    inside: Duration,
}

impl Asker {
    /// One whose clients are made so.
    pub fn new(make: impl Fn() -> Result<BaseConsumer<Context>> + Send + Sync + 'static) -> Asker {
        Asker { make: Box::new(make), client: Mutex::default(), inside: LONGEST }
    }

    /// The client as it is now, for questions that anybody may answer. Not to be kept.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn client(&self) -> Result<Arc<BaseConsumer<Context>>> {
        let mut client = self.client.lock();
        match &*client {
            Some(client) => Ok(client.clone()),
            None => Ok(client.insert(Arc::new((self.make)()?)).clone()),
        }
    }

    /// Sends a request to a coordinator and waits for its answer, but no longer than the broker may still let
    /// us in.
    ///
    /// # Safety
    /// `send` hands the request over to this client with these options and this queue, and keeps none of them.
    pub(super) unsafe fn ask(
        &self,
        asking: (c::rd_kafka_admin_op_t, &str),
        patience: Duration,
        send: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    ) -> Result<Answer> {
        let client = self.client()?;
        let patience = patience.min(self.inside / 2);
        // SAFETY: the caller's obligation.
        let heard = unsafe { put(&client, asking, (patience, self.inside), send) };
        if let Err(Unheard::Nothing(_)) = heard {
            self.give_up(client);
        }
        Ok(heard?)
    }

    /// Ends a client as soon as nobody uses it.
    fn give_up(&self, client: Arc<BaseConsumer<Context>>) {
        // The last one to let go of it waits for its threads: not while others wait for the lock.
        let held = self.client.lock().take_if(|held| Arc::ptr_eq(held, &client));
        drop((held, client));
    }
}

#[cfg(test)]
mod tests;
