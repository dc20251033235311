"""Mounts a FUSE file system that never answers at the folder given, says "mounted", and lets go when its standard input ends.

Whoever looks into the folder hangs in the kernel until then, as with a dead network mount. Needs root."""
import ctypes
import os
import sys

folder = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % device
if libc.mount(b"silent", folder.encode(), b"fuse", 0, options.encode()) != 0:
    print("cannot mount:", os.strerror(ctypes.get_errno()), flush=True)
    sys.exit(1)
print("mounted", flush=True)
# Standard input is what the test holds open; a FIFO, so that the test says when.
open(sys.argv[2]).read()
os.close(device)
libc.umount2(folder.encode(), 2)
print("let go", flush=True)
