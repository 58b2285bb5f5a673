/**
 * An error whose message is a sentence written by us for the person at the keyboard, with nothing in it that a caller
 * sent. The command line prints it; of every other error it says only the class and the place.
 */
export abstract class ErrorForPeople extends Error {}
