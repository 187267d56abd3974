// Imported before anything that has a schema. zod makes functions out of text where it may, and asks by trying, which a
// browser reports as a fault on a page whose policy forbids it.
Object.assign(globalThis, { __zod_globalConfig: { jitless: true } });
