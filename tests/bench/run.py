"""./hub bench [name[:argument]..]: figures of the whole product, each as a ratio to a peer or to a
raw limit measured in the same run, as CPU time per unit of work, or as memory. Prints a Markdown
table.

    run.py BUILD_FOLDER [name..]       names: see BENCHES; fanout takes a number of clients, lists one of items
"""
import os
import pathlib
import sys
import tempfile

os.environ["MEDIAHUB_BUILD"] = str(pathlib.Path(sys.argv[1]).resolve())
sys.dont_write_bytecode = True
from measure import rows                                                        # noqa: E402
from harness import BUILD, Hub                                                  # noqa: E402
from answers import bench_bare_answer, bench_media_get                          # noqa: E402
from catalogue import bench_lists                                                # noqa: E402
from fanout import bench_fanout                                                 # noqa: E402
from media import bench_media                                                    # noqa: E402
from product import bench_event, bench_idle, bench_start, bench_upload          # noqa: E402
from webhooks import bench_webhooks                                             # noqa: E402

BENCHES = {
    "start": bench_start,
    "idle": bench_idle,
    "upload": bench_upload,
    "event": bench_event,
    "bare_answer": bench_bare_answer,
    "media_get": bench_media_get,
    "fanout": bench_fanout,
    "media": bench_media,
    "lists": bench_lists,
    "webhooks": bench_webhooks,
}
SETTINGS = {"MEDIAHUB_REALTIME_SOCKETS_PER_USER": "100k",
            "MEDIAHUB_LOG_LEVEL": "debug"}      # a few lines more, which tell a decoder's memory


def main():
    asked = [name.partition(":")[::2] for name in sys.argv[2:]] or [(name, "") for name in BENCHES]
    if unknown := {name for name, _ in asked} - set(BENCHES):
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    for name, argument in asked:
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            hub = Hub(folder, env=SETTINGS).start()
            try:
                BENCHES[name](hub, *([int(argument)] if argument else []))
            finally:
                hub.stop()
    print("| What | Figure | Against |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


main()
