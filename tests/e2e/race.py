"""Two changes of one record at the same time: what both answers promise must hold afterwards."""
import concurrent.futures
import threading

from harness import SANITIZED

ROUNDS = 20 if SANITIZED else 200      # of the pairs that once were lost
FEW = 4 if SANITIZED else 12           # of every other pair


def together(*calls):
    """The results of the calls, which begin at the same moment."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        return call()

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def race(rounds, first, second, look, refusals=(409,)):
    """first(i) and second(i): each makes a change of round i, as (call, holds): call() sends it and
    gives the answer, holds(record) tells whether look() shows it. A change that was refused must not
    have undone what the other one was promised. Returns how many were."""
    refused = 0
    for i in range(rounds):
        changes = [first(i), second(i)]
        answers = together(*[call for call, _ in changes])
        assert all(answer.ok or answer.status_code in refusals for answer in answers), \
            [(answer.status_code, answer.text) for answer in answers]
        record = look()
        for answer, (_, holds) in zip(answers, changes):
            if answer.ok:
                assert holds(record), (i, [a.text for a in answers], record)
            else:
                refused += 1
        assert any(answer.ok for answer in answers), [answer.text for answer in answers]
    return refused
