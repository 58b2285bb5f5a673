import { NetworkError } from "@darkbloom/protocol/failures";
import { expect, it } from "vitest";
import { asStorageFailure, STORAGE_RETRY_SEC, storageFaultOf, throwAsStorageFailure } from "./storage-failure.ts";

const errorWith = (facts: object): Error => Object.assign(new Error("told by others"), facts);

/** Goal: what speaks of the disk is told as that, and nothing else is. Method: SQLite's codes, also extended ones, Node's, and errors of ours. */
it.each<[error: unknown, fault: string | undefined]>([
  [errorWith({ errcode: 5 }), "busy"],
  [errorWith({ errcode: 6 }), "busy"],
  [errorWith({ errcode: 8 }), "read_only"],
  [errorWith({ errcode: 10 }), "io_error"],
  [errorWith({ errcode: 11 }), "damaged"],
  [errorWith({ errcode: 13 }), "disk_full"],
  [errorWith({ errcode: 14 }), "io_error"],
  [errorWith({ errcode: 26 }), "damaged"],
  [errorWith({ errcode: 0x01_00 + 5 }), "busy"],
  [errorWith({ errcode: 4874 }), "disk_full"],
  [errorWith({ errcode: 4874 + 0x01_00 }), "io_error"],
  [errorWith({ errcode: 1 }), undefined],
  [errorWith({ errcode: 19, code: "ENOSPC" }), undefined],
  [errorWith({ errcode: "13", code: "EIO" }), "io_error"],
  [errorWith({ code: "ENOSPC" }), "disk_full"],
  [errorWith({ code: "EDQUOT" }), "disk_full"],
  [errorWith({ code: "EROFS" }), "read_only"],
  [errorWith({ code: "ENOENT" }), undefined],
  [errorWith({ code: "ESTALE", syscall: "fdatasync" }), "io_error"],
  [errorWith({ code: "ENODEV", syscall: "fdatasync" }), "io_error"],
  [errorWith({ code: "ENOSPC", syscall: "fdatasync" }), "disk_full"],
  [errorWith({ code: "ESTALE", syscall: "open" }), undefined],
  [errorWith({ code: 13 }), undefined],
  [new RangeError("ours"), undefined],
  [{ errcode: 13, code: "ENOSPC" }, undefined],
  [undefined, undefined],
])("of %o: %s", (error, fault) => {
  expect(storageFaultOf(error)).toBe(fault);
  const told = asStorageFailure(error);
  if (fault === undefined) expect(told).toBe(error);
  else {
    expect(told).toMatchObject({ failure: { code: "storage_unavailable", fault, retryAfterSec: STORAGE_RETRY_SEC } });
    expect(told instanceof NetworkError && told.cause).toBe(error);
    expect(() => throwAsStorageFailure(error)).toThrow(NetworkError);
  }
});
