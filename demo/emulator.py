"""The stand-in for AWS, as a process of its own: moto's server on loopback, and the one route it lacks.

Place in the line: ``demo.cloud`` starts this file; nothing imports it. It prints its port once it listens,
and ends when its standard input does, so that it cannot outlive whoever holds the other end.

What is added to moto (5.2.5), and nothing else: EKS ``DescribeUpdate``. The AWS provider asks for the update
that follows a change of a node group until it is done; moto carries changes out at once and keeps no updates,
so every update of a node group that exists is answered as successful.

    python demo/emulator.py 0 < fifo
"""

import logging
import os
import sys
from threading import Thread

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.responses import EKSResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


def describe_update(response: EKSResponse) -> ActionResult:
    """Answer EKS DescribeUpdate; not found, as at AWS, if the node group does not exist."""
    parameters = {name: response._get_param(name) for name in ("name", "nodegroupName", "updateId")}
    nodegroup = response.eks_backend.describe_nodegroup(parameters["name"], parameters["nodegroupName"])
    return ActionResult(
        {
            "update": {
                "id": parameters["updateId"],
                "status": "Successful",
                "type": "ConfigUpdate",
                "params": [],
                "createdAt": nodegroup.modified_at,
                "errors": [],
            }
        }
    )


def main(port: int) -> None:
    """Serve on loopback until standard input ends; 0 takes a free port."""
    setattr(EKSResponse, "describe_update", describe_update)  # noqa: B010 - a method that moto does not have
    urls.url_paths["{0}/clusters/(?P<name>[^/]+)/updates/(?P<updateId>[^/]+)$"] = urls.response.dispatch
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each of thousands of requests
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=MotoRequestHandler)
    Thread(target=_end_with_input, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
