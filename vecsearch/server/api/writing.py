"""Changes of a collection, where they are allowed."""

from fastapi import APIRouter

router = APIRouter(prefix="/collections/{name}", tags=["changes"])
